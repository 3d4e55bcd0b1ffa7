/** A scenario that is over quickly, for tests that need some run and not a large one. */
import { parseScenario } from "../../host/emulator/scenario-file.ts";
import type { Scenario } from "../../host/emulator/scenario.ts";

export function smallScenario(): Scenario {
  return parseScenario(SMALL, "small.yaml");
}

const SMALL = `name: small
title: a second server joins
appliance:
  name: hudson-line
  vips: [10.20.0.1]
  vmac: "02:d0:bb:00:00:01"
  buckets: 16
  uplinks: [0, 1]
  blades:
    - { name: dobbs-ferry, mac: "02:d0:bb:00:01:01", port: 8 }
    - { name: ardsley, mac: "02:d0:bb:00:01:02", port: 9 }
start: [dobbs-ferry]
sites:
  - { name: University Heights, clients: 8 }
  - { name: Hastings, clients: 8 }
traffic:
  - { name: quiet, kind: idle, connections: 16, start: [500ms, 1s], bytes: 500, silence: [3s, 4s] }
  - { name: uploads, kind: upload, connections: 16, start: [500ms, 1s], bytes: 9000, over: [3s, 4s] }
events:
  - { at: 2s, add: ardsley }
end: 8s
`;
