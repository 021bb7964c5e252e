// Numbers in a TIFF, of either byte order and of every type of whole numbers.

export const SHORT = 3;
export const LONG = 4;
const LONG8 = 16;
/** Bytes of a value, by the number of its type: those of whole numbers. */
export const TYPE_BYTES: Readonly<Record<number, number>> = {
  1: 1,
  6: 1,
  [SHORT]: 2,
  8: 2,
  [LONG]: 4,
  9: 4,
  [LONG8]: 8,
  17: 8,
};

/** Reads numbers of either byte order. */
export class Numbers {
  /**
   * @param buffer - where to read
   * @param little - its byte order
   */
  constructor(
    readonly buffer: Buffer,
    readonly little: boolean,
  ) {}

  /**
   * @param at - offset
   * @returns 16 bits
   * @throws RangeError outside of the buffer, as all of these do
   */
  u16(at: number): number {
    return this.little ? this.buffer.readUInt16LE(at) : this.buffer.readUInt16BE(at);
  }

  /**
   * @param at - offset
   * @returns 32 bits
   */
  u32(at: number): number {
    return this.little ? this.buffer.readUInt32LE(at) : this.buffer.readUInt32BE(at);
  }

  /**
   * @param at - offset
   * @returns 64 bits, above 2^53 rounded
   */
  u64(at: number): number {
    return Number(this.little ? this.buffer.readBigUInt64LE(at) : this.buffer.readBigUInt64BE(at));
  }

  /**
   * @param type - number of a type
   * @param at - offset
   * @returns a value of that type
   */
  value(type: number, at: number): number {
    const bytes = TYPE_BYTES[type] ?? 1;
    if (bytes === 1) return this.buffer.readUInt8(at);
    return bytes === 2 ? this.u16(at) : bytes === 4 ? this.u32(at) : this.u64(at);
  }
}
