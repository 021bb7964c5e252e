// The process that tries inputs and may die of them: it tells its parent what became of each, one after the other.
import { readCorpus } from './corpus.js';
import { mutant } from './mutate.js';
import type { Job, Outcome } from './outcome.js';
import { apiTrier } from './try-api.js';
import { decodeTrier } from './try-decode.js';

const RSS_LIMIT_BYTES = 2 * 1024 ** 3;
const SLOW_MS = 10_000;
const API_LANES = 4;

async function run({ mode, seed, numbers, root, pillow, ms }: Job): Promise<void> {
  const corpus = readCorpus();
  await using trier = mode === 'api' ? await apiTrier(root) : await decodeTrier(root, pillow);
  const deadline = performance.now() + ms;
  let next = numbers.from;
  const lane = async (): Promise<void> => {
    while (next < numbers.below && performance.now() < deadline) {
      const number = next;
      next += numbers.step;
      const input = mutant(corpus, seed, number);
      const start = performance.now();
      const result = await trier.try(input);
      const outcome: Outcome = { number, mode, kind: input.kind, ms: performance.now() - start, ...result };
      if (process.memoryUsage.rss() > RSS_LIMIT_BYTES)
        outcome.failure ??= { what: 'memory', detail: `${process.memoryUsage.rss()} bytes` };
      if (outcome.ms > SLOW_MS) outcome.failure ??= { what: 'hang', detail: `${outcome.ms} ms` };
      process.send?.(outcome);
      // The decoders free their pixels in finalizers, which do not run between microtasks.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: mode === 'api' ? API_LANES : 1 }, lane));
}

process.once('message', (job: Job) => {
  run(job).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      process.disconnect();
    },
  );
});
