// A long part of the fuzzer (npm run fuzz): no crash, no wrong picture, no foreign error among a hundred thousand hostile images.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz.js';

const COUNT = 100_000;
const SEED = 20_261_128;

const fuzzing = suite('fuzzing at length');

fuzzing(`${COUNT} hostile images of seed ${SEED}: the right picture or a coded error each`, async () => {
  const report = await fuzz({ seed: SEED, seconds: 2000, count: COUNT });
  const { failures, ...counts } = report;
  console.log(JSON.stringify(counts));
  assert.equal(failures, []);
  assert.is(report.inputs, COUNT);
});

fuzzing.run();
