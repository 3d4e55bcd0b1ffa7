/** The receiving half of a stream: pieces come in any order and more than once, and are read in order. */

export class IncomingStream {
  /** By offset: what came before what is to be read next. */
  readonly #early = new Map<number, Uint8Array>();
  #ready: Uint8Array[] = [];
  /** Where the bytes end that have come in order. */
  #end = 0;
  /** Where the stream ends; null: that has not come. */
  #final: number | null = null;

  /** All of it has come. */
  get isComplete(): boolean {
    return this.#final === this.#end;
  }

  /** Pieces are cut once, by the sender: the same offset is the same piece. Returns whether there is more to read. */
  add(offset: number, data: Uint8Array, fin: boolean): boolean {
    if (fin) this.#final = offset + data.length;
    if (offset >= this.#end) this.#early.set(offset, data);
    const before = this.#end;
    for (let next = this.#early.get(this.#end); next; next = this.#early.get(this.#end)) {
      this.#early.delete(this.#end);
      if (next.length === 0) break;
      this.#ready.push(next);
      this.#end += next.length;
    }
    return this.#end > before;
  }

  /** Up to `max` bytes. */
  read(max: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let left = max;
    while (left > 0 && this.#ready.length > 0) {
      const first = this.#ready[0]!;
      parts.push(first.subarray(0, left));
      if (first.length > left) this.#ready[0] = first.subarray(left);
      else this.#ready.shift();
      left -= Math.min(left, first.length);
    }
    return Buffer.concat(parts);
  }
}
