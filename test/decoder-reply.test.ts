// What is believed of a decoder process, and errors as data.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { checkedReply } from '../dist/esm/pool/decoder-reply.js';
import { errorOf, failureOf } from '../dist/esm/pool/failure.js';
import type { Failure } from '../dist/esm/pool/protocol.js';

const SUCCESS = { ok: true, decode: 1.5, preprocess: 0 };
const FAILURE = { ok: false, code: 'DECODE_FAILED', message: 'truncated' };
const replies = suite('replies of decoder processes');

function check(message: unknown, length: number) {
  return checkedReply({ message, bytes: Buffer.alloc(length) }, 12);
}

replies('successes with the right number of bytes, and failures with none', () => {
  assert.equal(check(SUCCESS, 12), SUCCESS);
  assert.equal(check(FAILURE, 0), FAILURE);
  assert.equal(check({ ...FAILURE, cause: 'below' }, 0), { ...FAILURE, cause: 'below' });
  for (const [message, length] of [
    [SUCCESS, 0],
    [SUCCESS, 11],
    [SUCCESS, 13],
    [FAILURE, 12],
  ] as const) {
    assert.throws(() => check(message, length), /bytes where/);
  }
});

replies('nothing else', () => {
  for (const message of [null, 0, true, 'ok']) assert.throws(() => check(message, 12), /no object/);
  for (const message of [
    [],
    {},
    { ...SUCCESS, ok: 1 },
    { ...SUCCESS, decode: null },
    { ...SUCCESS, decode: '1' },
    { ...SUCCESS, preprocess: undefined },
    { ...SUCCESS, preprocess: -1 },
    { ...SUCCESS, preprocess: Infinity },
    { ...FAILURE, ok: null },
    { ...FAILURE, code: 'toString' },
    { ...FAILURE, code: 7 },
    { ...FAILURE, message: undefined },
    { ...FAILURE, cause: {} },
  ]) {
    assert.throws(() => check(message, 12), /neither a success nor a failure/, JSON.stringify(message));
  }
});

replies('errors keep their code, message and cause on the way', () => {
  const way = (error: unknown) => errorOf(JSON.parse(JSON.stringify(failureOf(error))) as Failure);
  const full = way(new VisionError('DECODE_FAILED', 'bad', { cause: new Error('below') }));
  assert.ok(full instanceof VisionError);
  assert.equal([full.code, full.message, (full.cause as Error).message], ['DECODE_FAILED', 'bad', 'below']);
  const plain = way(new TypeError('wrong'));
  assert.equal([plain.code, plain.message, plain.cause], ['WORKER_FAILED', 'wrong', undefined]);
  assert.is(way('thrown').code, 'WORKER_FAILED');
});

replies.run();
