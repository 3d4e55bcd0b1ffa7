/** A process for tests to kill: saves one state after the other, and says which ones are saved. */
import { writeSync } from "node:fs";
import { SqliteStore } from "../../host/state/sqlite-store.ts";
import { stateNumber } from "./states.ts";

const store = new SqliteStore(process.argv[2]!);
const first = store.load()?.requests ?? 0;
for (let number = first + 1; ; number++) {
  store.note(number, "saved", { number });
  store.save(stateNumber(number));
  writeSync(1, `${number}\n`);
}
