/** Options of commands that open a link: where it is, and what to show there. */
import type { Command } from "commander";
import type { ShimAddress, ShimAnswer } from "../shim/shim-client.ts";
import { type CredentialPaths, loadCredentials } from "../transport/credentials.ts";
import { parseLinkWord } from "../transport/word.ts";

/** Adds --tls-ca, --tls-cert and --tls-key. An action's options are then `CredentialPaths`. `file`: what `dobbs keys issue`
 *  calls the certificate for it. */
export function addTlsOptions(command: Command, file = "manager-<name>.pem"): Command {
  return command
    .option("--tls-ca <file>", "for a TLS link: the appliance's CA (ca.pem of `dobbs keys init`)")
    .option("--tls-cert <file>", `for a TLS link: the certificate to show (${file} of \`dobbs keys issue\`)`)
    .option("--tls-key <file>", "for a TLS link: its key; nobody but you may read that file");
}

/** Throws E_LINK_WORD and E_TLS_*. */
export function shimAddress(word: string, paths: CredentialPaths): ShimAddress {
  return { word: parseLinkWord(word), credentials: loadCredentials(paths) };
}

/** One answer of a shim, as commands take it: they run to their end, and throw what went wrong. */
export function answered<T>(ask: (onResult: (answer: ShimAnswer<T>) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((answer) => (answer.ok ? resolve(answer.value) : reject(answer.problem)));
  });
}
