// The .npy header, for every shape.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { npyHeader } from '../dist/esm/cli/npy.js';

const npy = suite('cli npy');

npy('is version 1.0, 128 bytes, and says the shape', () => {
  const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(integer, integer, (rows, dimensions) => {
      const header = npyHeader(rows, dimensions);
      assert.is(header.length, 128);
      assert.is(header.toString('latin1', 0, 8), '\u0093NUMPY\u0001\u0000');
      assert.is(header.readUInt16LE(8), 118);
      assert.match(
        header.toString('latin1', 10),
        new RegExp(
          `^\\{'descr': '[<>]f4', 'fortran_order': False, 'shape': \\(${rows}, ${dimensions}\\), \\} *\\n$`,
        ),
      );
    }),
  );
});

npy.run();
