// The list of images that are refused because of what they have done.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { liveThreads, poison } from './helpers/threads.js';
import { SemanticVision } from '../dist/esm/index.js';
import { addStrike, quarantine, refuseQuarantined } from '../dist/esm/pool/quarantine.js';
import { refused, settles, until } from './helpers/assertions.js';
import { TINY_MODEL, noise, photo } from './helpers/fixtures.js';

const list = suite('quarantine');

list('one strike is forgiven, two are not', async () => {
  refuseQuarantined('a');
  addStrike('a');
  refuseQuarantined('a');
  addStrike('a');
  await refused(() => refuseQuarantined('a'), 'DECODER_CRASHED', /SHA-256 a\b/);
  quarantine('b');
  await refused(() => refuseQuarantined('b'), 'DECODER_CRASHED');
  refuseQuarantined('c');
});

list('bounded: the least recent goes first, being asked for counts', async () => {
  quarantine('old');
  quarantine('asked for');
  for (let i = 0; i < 998; i++) quarantine(`filler ${i}`);
  await refused(() => refuseQuarantined('asked for'), 'DECODER_CRASHED');
  quarantine('one more');
  refuseQuarantined('old');
  await refused(() => refuseQuarantined('asked for'), 'DECODER_CRASHED');
});

list('an image under which worker threads die twice is refused, without isolation too', async () => {
  const vision = await SemanticVision.create({ model: TINY_MODEL, workers: 1, intraOpNumThreads: 1 });
  for (const image of [noise(77), readFileSync(photo('two-dogs'))]) {
    for (let death = 0; death < 2; death++) {
      await until(() => liveThreads().length === 1, 'a worker');
      await vision.embedImage(noise(78 + death + (image instanceof Uint8Array ? 10 : 0)));
      poison(liveThreads().at(-1)!);
      await settles(refused(vision.embedImage(image), 'WORKER_FAILED'), 'the doomed image');
    }
    await refused(vision.embedImage(image), 'DECODER_CRASHED');
  }
  assert.is(vision.stats().workerFailures, 4);
  await settles(vision.close(), 'close');
});

list.run();
