/** Table ROLE: active or standby. */
import { Status } from "../messages";
import { Role, SwitchRole } from "../records";
import { setRole } from "../switch/steer";
import { refuse } from "./envelope";
import { STAGE, staged } from "./stage";

export function commitRole(): void {
  const size = <u32>offsetof<Role>();
  if (staged() != size) return refuse(Status.BAD_TABLE, size);
  const role = changetype<Role>(STAGE).role;
  if (role != SwitchRole.ACTIVE && role != SwitchRole.STANDBY) return refuse(Status.BAD_RECORD, 0);
  setRole(role);
}
