// TIFF files written by hand: any tags, both byte orders, 32 and 64-bit offsets.

/** A tag's type by the specification's numbers; the last one is BigTIFF's. */
export const TYPE = { byte: 1, short: 3, long: 4, long8: 16 } as const;
const BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 16: 8 };

/** An entry of a directory. */
export interface TiffTag {
  tag: number;
  type: number;
  values: readonly number[];
}

/** How a file is written. */
export interface TiffForm {
  little: boolean;
  big: boolean;
}

/** Little endian, 32-bit offsets. */
export const USUAL: TiffForm = { little: true, big: false };

/**
 * A SHORT tag.
 * @param tag - its number
 * @param values - what it says
 * @returns the entry
 */
export function short(tag: number, ...values: number[]): TiffTag {
  return { tag, type: TYPE.short, values };
}

/**
 * Writes header, one directory, and behind it the values that do not fit into their entries.
 * @param tags - in the order in which they are to stand
 * @param form - byte order and size of offsets
 * @returns the file
 */
export function tiffOf(tags: readonly TiffTag[], form: TiffForm = USUAL): Buffer {
  const { little, big } = form;
  const number = (bytes: number, value: number): Buffer => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt(value));
    const cut = buffer.subarray(0, bytes);
    return little ? cut : Buffer.from(cut).reverse();
  };
  const offsetBytes = big ? 8 : 4;
  const header = Buffer.concat([
    Buffer.from(little ? 'II' : 'MM'),
    number(2, big ? 43 : 42),
    ...(big ? [number(2, 8), number(2, 0)] : []),
    number(offsetBytes, big ? 16 : 8),
  ]);
  const directoryBytes = (big ? 8 : 2) + tags.length * (big ? 20 : 12) + offsetBytes;
  const far: Buffer[] = [];
  let farAt = header.length + directoryBytes;
  const entries = tags.map(({ tag, type, values }) => {
    const data = Buffer.concat(values.map((value) => number(BYTES[type]!, value)));
    let field: Uint8Array = Buffer.concat([data, Buffer.alloc(Math.max(0, offsetBytes - data.length))]);
    if (data.length > offsetBytes) {
      field = number(offsetBytes, farAt);
      far.push(data);
      farAt += data.length;
    }
    return Buffer.concat([number(2, tag), number(2, type), number(offsetBytes, values.length), field]);
  });
  return Buffer.concat([
    header,
    number(big ? 8 : 2, tags.length),
    ...entries,
    number(offsetBytes, 0),
    ...far,
  ]);
}
