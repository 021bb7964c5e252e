// SentencePiece's precompiled character map, read as it is: @huggingface/tokenizers puts NFKC and a list of its own in
// its place, which turns U+200D, say, into a space for every model.

const SPACE = 0x20;

/** Longest-prefix replacements over UTF-8, from the `precompiled_charsmap` of a `tokenizer.json`. */
export class CharsMap {
  // A double-array trie in the layout of Darts-clone: uint32 units, then the replacements, each ended by a zero byte.
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;

  /**
   * Reads a map.
   * @param base64 - uint32 size of the trie in bytes, the trie, the replacements; little-endian
   * @throws RangeError when it is cut
   */
  constructor(base64: string) {
    const bytes = Buffer.from(base64, 'base64');
    const units = bytes.readUInt32LE(0) / 4;
    if (4 + 4 * units > bytes.length) throw new RangeError('The precompiled_charsmap is cut.');
    this.#units = Uint32Array.from({ length: units }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
    this.#replacements = bytes.subarray(4 + 4 * units);
  }

  /**
   * Replaces what the map holds, then does what SentencePiece does to spaces.
   * @param text - any text
   * @returns the normalised text, without spaces at its ends or next to each other
   */
  normalize(text: string): string {
    const bytes = Buffer.from(text);
    const out: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const { length, replacement } = this.#longest(bytes, at);
      if (replacement === undefined) {
        do out.push(bytes[at++] as number);
        while (isContinuation(bytes[at]));
        continue;
      }
      for (let i = replacement; this.#replacements[i]; i++) out.push(this.#replacements[i] as number);
      at += length;
    }
    const spaced = out.filter((byte, i) => byte !== SPACE || (i > 0 && out[i - 1] !== SPACE));
    if (spaced.at(-1) === SPACE) spaced.pop();
    return Buffer.from(spaced).toString();
  }

  // One unit holds the byte that leads to it (bits 0-7), whether a value hangs below (8), and the way on (9-31).
  #longest(bytes: Uint8Array, from: number): { length: number; replacement: number | undefined } {
    let node = wayOn(this.#units[0] as number);
    let found: { length: number; replacement: number | undefined } = { length: 0, replacement: undefined };
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      node ^= byte;
      const unit = this.#units[node];
      if (unit === undefined || byte === 0 || (unit & 0x800000ff) !== byte) break;
      node ^= wayOn(unit);
      if (unit & 0x100) {
        found = { length: at + 1 - from, replacement: (this.#units[node] as number) & 0x7fffffff };
      }
    }
    return found;
  }
}

function wayOn(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
