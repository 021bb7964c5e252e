// Limits that are no option: a refusal names the one that was exceeded, and does not advise to raise another.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refused } from './helpers/assertions.js';
import { bmpOf } from './helpers/bmp.js';
import { decodeFile } from './helpers/decoding.js';
import { goldenBytes } from './helpers/golden.js';

// Far above what is asked for.
const RAISED = 1e9;
const SIDE = 11_300; // squared, at four bytes a pixel: 487 MiB

function bmpClaiming(side: number): Buffer {
  return bmpOf({ width: side, height: side, bits: 24, pixels: Buffer.alloc(0) });
}

function avifClaiming(side: number): Buffer {
  const bytes = goldenBytes('avif_lossy.avif');
  for (let at = bytes.indexOf('ispe'); at >= 0; at = bytes.indexOf('ispe', at + 4)) {
    bytes.writeUInt32BE(side, at + 8);
    bytes.writeUInt32BE(side, at + 12);
  }
  return bytes;
}

const limits = suite('limits');

for (const [name, claiming] of Object.entries({ BMP: bmpClaiming, AVIF: avifClaiming })) {
  limits(
    `${name}: what its decoder cannot hold is named with that limit, before anything is decoded`,
    async () => {
      const { message } = await refused(decodeFile(claiming(SIDE), RAISED), 'UNSUPPORTED_FORMAT');
      assert.match(message, /11300 x 11300 pixels/);
      assert.match(message, /480 MiB/);
      assert.match(message, /no option raises/);
      assert.not.match(message, /limitInputPixels/);
    },
  );

  limits(`${name}: within it but over the option, the option is named`, async () => {
    const { message } = await refused(decodeFile(claiming(SIDE), 1e8), 'TOO_MANY_PIXELS');
    assert.match(message, /limitInputPixels/);
    assert.not.match(message, /480 MiB/);
  });
}

limits.run();
