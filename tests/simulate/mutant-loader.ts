/** For `node --import`: loads some modules with other text than is in their files. `?modules=`: JSON of paths and texts. */
import { register } from "node:module";

register("./mutant-hooks.js", import.meta.url, { data: new URL(import.meta.url).searchParams.get("modules") });
