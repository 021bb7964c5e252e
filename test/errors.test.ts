// VisionError: one class for two copies of the package, and descriptions that never explode.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, VisionError, describe, expectedButReceived, messageOf } from '../dist/esm/errors.js';
import type * as Package from '../dist/esm/index.js';
import { ROOT } from './helpers/fixtures.js';

const commonJs = createRequire(import.meta.url)(join(ROOT, 'dist', 'cjs', 'index.cjs')) as typeof Package;

const errors = suite('errors');

errors('a VisionError is an Error with code, message, cause and name', () => {
  const cause = new Error('below');
  const error = new VisionError('INPUT_EMPTY', 'nothing there', { cause });
  assert.instance(error, Error);
  assert.instance(error, VisionError);
  assert.is(error.code, 'INPUT_EMPTY');
  assert.is(error.message, 'nothing there');
  assert.is(error.cause, cause);
  assert.is(error.name, 'VisionError');
  assert.match(String(error.stack), /errors\.test/);
  assert.is('cause' in new VisionError('CLOSED', 'x'), false);
  assert.equal(Object.keys(error).includes('code'), true);
});

errors('instanceof holds across the ESM and the CommonJS copy, both ways', () => {
  assert.is.not(commonJs.VisionError, VisionError);
  const ours = new VisionError('CLOSED', 'x');
  const theirs = new commonJs.VisionError('CLOSED', 'x');
  assert.ok(ours instanceof commonJs.VisionError);
  assert.ok(theirs instanceof VisionError);
});

errors('instanceof is false for everything else', () => {
  const others: unknown[] = [
    new Error('x'),
    { code: 'CLOSED', name: 'VisionError' },
    Object.assign(new Error('x'), { code: 'CLOSED', name: 'VisionError' }),
    null,
    undefined,
    'CLOSED',
    1,
    VisionError,
    Object.create(null),
  ];
  for (const value of others) assert.is(value instanceof VisionError, false);
});

errors('a subclass is told from its base', () => {
  class Special extends VisionError {
    readonly special = true;
  }
  const special = new Special('CLOSED', 'x');
  const plain = new VisionError('CLOSED', 'x');
  assert.ok(special instanceof Special);
  assert.ok(special instanceof VisionError);
  assert.ok(special instanceof commonJs.VisionError);
  assert.is(plain instanceof Special, false);
  assert.is(new commonJs.VisionError('CLOSED', 'x') instanceof Special, false);
});

errors('both copies have the same table of codes, each with a sentence', () => {
  assert.equal(commonJs.ERROR_CODES, ERROR_CODES);
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
    assert.match(meaning, /^\S.*\.$/s, code);
  }
});

errors('describe is short and never throws', () => {
  const hostile = [
    Object.create(null),
    { constructor: null },
    { constructor: { name: 5 } },
    { toString: () => assert.unreachable() },
    new Proxy({}, {}),
    Symbol('s'),
    10n,
    -0,
    NaN,
    () => 1,
    new Date(NaN),
    'x'.repeat(1e6),
    Buffer.alloc(1e6),
  ];
  for (const value of hostile) assert.ok(describe(value).length < 200, describe(value));
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true }), (value) => {
      assert.ok(describe(value).length < 500);
    }),
  );
  assert.is(describe('a"b'), '"a\\"b" of type string');
  assert.is(describe(null), 'null');
  assert.is(describe([1, 2]), 'an array of length 2');
  assert.is(describe(new Uint8Array(2)), 'an instance of Uint8Array');
  assert.is(describe(3), '3 of type number');
});

errors('expectedButReceived names all three', () => {
  assert.is(
    expectedButReceived('option "workers"', 'an integer', 'two'),
    'Expected an integer for option "workers" but received "two" of type string.',
  );
});

errors('messageOf takes anything that can be thrown', () => {
  assert.is(messageOf(new Error('x')), 'x');
  assert.is(messageOf('thrown'), '"thrown" of type string');
  assert.is(messageOf(undefined), 'undefined');
  assert.is(messageOf(null), 'null');
});

errors.run();
