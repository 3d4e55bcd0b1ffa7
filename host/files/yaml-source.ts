/** A YAML file with the places of its fields, so that what is wrong can be told with its line. */
import { readFileSync } from "node:fs";
import { type Document, isMap, isNode, isPair, LineCounter, parseDocument } from "yaml";
import { DobbsError } from "../errors.ts";
import { fieldName, type Path, type Problem } from "./problem.ts";

const YAML_MEND = "Correct the YAML there; mind the indentation and the space after each colon.";

export class YamlSource {
  /** Stands for the file in errors. */
  readonly name: string;
  readonly #text: string;
  readonly #codePrefix: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  /** `codePrefix`: of the errors' codes, such as `E_SCENARIO`. Throws `<prefix>_YAML`. */
  constructor(text: string, name: string, codePrefix: string) {
    this.name = name;
    this.#text = text;
    this.#codePrefix = codePrefix;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [syntax] = this.#document.errors;
    if (!syntax) return;
    const { line, col } = this.#lines.linePos(syntax.pos[0]);
    const what = syntax.code === "MULTIPLE_DOCS" ? "a second YAML document starts here" : syntax.message;
    throw new DobbsError(`${codePrefix}_YAML`, `${name}:${line}:${col}: ${what}`, YAML_MEND);
  }

  /** Throws `<prefix>_READ`, or what the constructor throws. */
  static read(path: string, codePrefix: string, mend: string): YamlSource {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message;
      throw new DobbsError(`${codePrefix}_READ`, `cannot read ${path}: ${reason}`, mend);
    }
    return new YamlSource(text, path, codePrefix);
  }

  /** What the file says, as plain data. */
  value(): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      // An alias without its anchor, or with too many of them, is only found here, and has no position.
      if (!(error instanceof ReferenceError)) throw error;
      throw new DobbsError(`${this.#codePrefix}_YAML`, `${this.name}: ${error.message}`, YAML_MEND);
    }
  }

  /** The YAML text of one field's value alone, its lines numbered as in the file. */
  textOf(path: Path): string {
    const node = this.#document.getIn(path, true);
    if (!isNode(node) || !node.range) throw new Error(`${this.name} has no ${fieldName(path)}`);
    const [start, end] = node.range;
    const lineStart = this.#text.lastIndexOf("\n", start - 1) + 1;
    const before = this.#text.slice(0, lineStart).replace(/[^\n]/g, "");
    return before + " ".repeat(start - lineStart) + this.#text.slice(start, end);
  }

  /** The problem as an error, with file, line and field. */
  error({ code, path, message, mend }: Problem): DobbsError {
    const { line } = this.#lines.linePos(this.#offsetOf(path));
    const field = path.length === 0 ? "" : ` ${fieldName(path)}:`;
    return new DobbsError(code, `${this.name}:${line}:${field} ${message}`, mend);
  }

  /** Where `path` is in the text: at its key if it has one, else at the nearest thing around it. */
  #offsetOf(path: Path): number {
    const document = this.#document;
    for (let length = path.length; length > 0; length--) {
      const parent = document.getIn(path.slice(0, length - 1), true);
      const last = path[length - 1];
      const key = isMap(parent) ? parent.items.find((pair) => isPair(pair) && String(pair.key) === last)?.key : undefined;
      const node = isNode(key) ? key : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0];
    }
    return document.contents?.range?.[0] ?? 0;
  }
}
