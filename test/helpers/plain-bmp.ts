// BMPs rewritten to their plainest form, and what their decoder makes of them.
import { Transformer } from '@napi-rs/image';
import * as assert from 'uvu/assert';
import { readBmpStructure } from '../../dist/esm/image/structure/bmp.js';
import { plainBmp } from '../../dist/esm/image/structure/plain-bmp.js';
import { coloursOf, type Colour } from '../reference/bmp.js';

/**
 * @param bytes - a BMP
 * @returns its plain form; undefined where its pixels are not all there
 */
export function plainOf(bytes: Uint8Array): Buffer | undefined {
  const plain = plainBmp(bytes, readBmpStructure(bytes)!);
  return plain && Buffer.from(plain);
}

function decoded(bytes: Uint8Array): Colour[][] {
  const image = new Transformer(bytes);
  const data = image.rawPixelsSync();
  const { width, height, colorType } = image.metadataSync();
  const channels = ((colorType as number) % 4) + 1;
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => {
      const at = (y * width + x) * channels;
      return channels < 3 ? [data[at]!, data[at]!, data[at]!] : [data[at]!, data[at + 1]!, data[at + 2]!];
    }),
  );
}

/**
 * Asserts that the rewritten file has a plain form, shows the expected colours, and that its decoder finds them.
 * @param bytes - a BMP
 * @param expected - rows from top to bottom
 */
export function shows(bytes: Uint8Array, expected: Colour[][]): void {
  const plain = plainOf(bytes)!;
  const read = readBmpStructure(plain)!;
  assert.ok([0, 3].includes(read.compression) && [1, 4, 8, 24, 32].includes(read.bits));
  assert.is(read.headerBytes, read.compression === 0 ? 40 : 56);
  assert.is(read.dataAt, plain.readUInt32LE(10));
  assert.is(plain.length, plain.readUInt32LE(2));
  assert.equal(coloursOf(plain, read), expected);
  assert.equal(decoded(plain), expected);
}
