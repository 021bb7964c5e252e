// A short part of the fuzzer (npm run fuzz), always the same: no crash, no hang, no foreign error, no poisoned worker.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mutant } from './stress/mutate.js';
import { fuzz } from './stress/fuzz.js';

const COUNT = 3000;

const fuzzing = suite('fuzzing');

fuzzing('the same seed and number give the same mutant', () => {
  const corpus = ['one', 'other'].map((name) => ({ name, bytes: Buffer.alloc(1000, name) }));
  for (let number = 0; number < 200; number++) {
    const first = mutant(corpus, 7, number);
    const again = mutant(corpus, 7, number);
    assert.ok(first.bytes.equals(again.bytes) && first.description === again.description);
  }
  assert.equal(
    corpus.map(({ bytes }) => bytes.equals(Buffer.alloc(1000, bytes))),
    [true, true],
  );
});

fuzzing(`${COUNT} hostile images: an embedding or a coded error each`, async () => {
  const started: number[] = [];
  const options = { seed: 7, seconds: 300, count: COUNT, onStart: (number: number) => started.push(number) };
  const { inputs, embedded, codes, slowestMs } = await fuzz(options);
  assert.is(inputs, COUNT);
  assert.equal(
    started,
    Array.from({ length: COUNT }, (_, number) => number),
  );
  assert.is(embedded + Object.values(codes).reduce((sum, count) => sum + count, 0), COUNT);
  // Mutants that get far enough to matter: some pass, and the decoders see the others.
  assert.ok(embedded > COUNT / 100 && codes.DECODE_FAILED! > COUNT / 10, JSON.stringify({ embedded, codes }));
  const refusals = ['DECODE_FAILED', 'INPUT_EMPTY', 'TOO_MANY_PIXELS', 'UNSUPPORTED_FORMAT'];
  assert.equal(
    Object.keys(codes).filter((code) => !refusals.includes(code)),
    [],
  );
  assert.ok(slowestMs < 10_000);
});

fuzzing.run();
