// TIFFs with harmless faults are mended, sound ones are left alone.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodePixels } from '../dist/esm/image/decode.js';
import { readHeader } from '../dist/esm/image/header.js';
import { soundTiff } from '../dist/esm/image/structure/sound-tiff.js';
import { photo } from './helpers/fixtures.js';
import sharp from './helpers/sharp.js';

const sound = suite('soundTiff');
const OPTIONS = { autoOrient: true, limitInputPixels: 1e6, decode: 'exact' as const };
const PLAIN = await sharp(photo('two-dogs'))
  .resize(32, 24)
  .withMetadata({ orientation: 1 })
  .tiff({ compression: 'lzw' })
  .toBuffer();

/** Where the value of a tag stands: these files are small and little-endian. */
function valueOf(bytes: Buffer, tag: number): number {
  const start = bytes.readUInt32LE(4);
  for (let at = start + 2; at < start + 2 + 12 * bytes.readUInt16LE(start); at += 12)
    if (bytes.readUInt16LE(at) === tag) return at + 8;
  throw new Error(`no tag ${tag}`);
}

sound('a sound file comes back as it is', () => {
  assert.is(soundTiff(PLAIN), PLAIN);
  for (let length = 0; length < PLAIN.length; length += 7) soundTiff(PLAIN.subarray(0, length));
});

sound(
  'orientations and units that do not exist, a next picture outside of the file: decoded as without',
  async () => {
    const expected = await decodePixels(PLAIN, readHeader(PLAIN, 1e6), { width: 8, height: 8 }, OPTIONS);
    const faults: [string, (bytes: Buffer) => void][] = [
      ['orientation 0', (bytes) => bytes.writeUInt16LE(0, valueOf(bytes, 274))],
      ['orientation 9', (bytes) => bytes.writeUInt16LE(9, valueOf(bytes, 274))],
      ['unit 0', (bytes) => bytes.writeUInt16LE(0, valueOf(bytes, 296))],
      ['unit 9', (bytes) => bytes.writeUInt16LE(9, valueOf(bytes, 296))],
      [
        'next picture',
        (bytes) => {
          const start = bytes.readUInt32LE(4);
          bytes.writeUInt32LE(0xfffffff0, start + 2 + 12 * bytes.readUInt16LE(start));
        },
      ],
    ];
    for (const [name, spoil] of faults) {
      const bytes = Buffer.from(PLAIN);
      spoil(bytes);
      const before = Buffer.from(bytes);
      const found = await decodePixels(bytes, readHeader(bytes, 1e6), { width: 8, height: 8 }, OPTIONS);
      assert.ok(Buffer.compare(found.data, expected.data) === 0, name);
      assert.is(found.orientation, 1, name);
      assert.ok(bytes.equals(before), `${name}: the input is left alone`);
    }
  },
);

sound.run();
