// Pictures beyond what @napi-rs/image holds, within the pixel limit: decoded all the same. They take seconds and gigabytes.
import { createDeflate } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Pixels } from '../../dist/esm/image/pixels.js';
import { decodeFile } from '../helpers/decoding.js';
import { chunk, pngHeader, pngOf } from '../helpers/png.js';
import sharp from '../helpers/sharp.js';

/** An RGB PNG of 16 bits whose rows are all the same: the first is written, the others say "as above". */
async function tallPng(side: number): Promise<{ bytes: Buffer; row: Uint8Array }> {
  const row = Buffer.alloc(6 * side, 0).map((_, i) => (i * 255) / (6 * side));
  const deflate = createDeflate({ level: 1 });
  const pieces: Buffer[] = [];
  const packed = new Promise<Buffer>((resolve, reject) => {
    deflate.on('data', (piece: Buffer) => pieces.push(piece));
    deflate.on('end', () => {
      resolve(Buffer.concat(pieces));
    });
    deflate.on('error', reject);
  });
  const same = Buffer.alloc(1 + row.length);
  same[0] = 2; // the filter "up"
  deflate.write(Buffer.concat([Buffer.of(0), row]));
  for (let y = 1; y < side; y++) deflate.write(same);
  deflate.end();
  const header = pngHeader({ width: side, height: side, depth: 16, colourType: 2 });
  // Of each sample the high byte counts.
  return {
    bytes: pngOf(header, chunk('IDAT', await packed), chunk('IEND')),
    row: row.filter((_, i) => i % 2 === 0),
  };
}

function rowOf({ data, width, channels, bytesPerSample }: Pixels, y: number): Buffer {
  assert.equal([channels, bytesPerSample], [3, 1]);
  return Buffer.from(data.subarray(3 * width * y, 3 * width * (y + 1)));
}

const large = suite('large files');

large('a PNG of 90 megapixels and 16 bits: 514 MiB of samples', async () => {
  const side = 9480;
  const { bytes, row } = await tallPng(side);
  const pixels = await decodeFile(bytes);
  assert.equal([pixels.width, pixels.height], [side, side]);
  for (const y of [0, 1, side >> 1, side - 1]) assert.ok(rowOf(pixels, y).equals(row), `row ${y}`);
});

large('an LZW TIFF of 98 megapixels', async () => {
  const side = 9900;
  const background = { r: 10, g: 100, b: 200 };
  const bytes = await sharp({ create: { width: side, height: side, channels: 3, background } })
    .tiff({ compression: 'lzw' })
    .toBuffer();
  const pixels = await decodeFile(bytes);
  assert.equal([pixels.width, pixels.height], [side, side]);
  const row = Buffer.alloc(3 * side, Buffer.from(Object.values(background)));
  for (const y of [0, side >> 1, side - 1]) assert.ok(rowOf(pixels, y).equals(row), `row ${y}`);
});

large.run();
