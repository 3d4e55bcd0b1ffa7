/** Installs the npm packages, when those in `node_modules` are not the ones that `package-lock.json` names. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runStep, say } from "./process.mjs";

/** What npm writes of what it has installed. */
const INSTALLED = join(ROOT, "node_modules", ".package-lock.json");
const WANTED = join(ROOT, "package-lock.json");

export function installPackages() {
  if (isInstalled()) return;
  say("installing npm packages (npm ci)");
  const options = ["ci", "--loglevel=error", "--include=dev"];
  const npm = process.env.npm_execpath;
  if (npm?.endsWith(".js")) runStep(process.execPath, [npm, ...options], "npm did not install the packages");
  else runStep("npm", options, "npm did not install the packages");
}

function isInstalled() {
  if (!existsSync(INSTALLED)) return false;
  const installed = packagesOf(INSTALLED);
  return Object.entries(packagesOf(WANTED)).every(
    ([path, wanted]) => path === "" || (wanted.optional && !isForThisMachine(wanted)) || installed[path]?.version === wanted.version,
  );
}

/** Optional packages are for some machines each. */
function isForThisMachine({ os, cpu }) {
  return (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true);
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, "utf8")).packages;
}
