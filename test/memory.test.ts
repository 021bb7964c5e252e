// Memory over many lives of a pool and over many images: it may not grow without bound.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';
import sharp from './helpers/sharp.js';

const MIB = 1024 * 1024;
const MODEL = JSON.stringify(TINY_MODEL);

/**
 * Runs a step many times in a process of its own.
 * @param setup - code before the steps, with SemanticVision and fresh() at hand
 * @param step - code of one step
 * @param steps - how many
 * @returns resident bytes after each tenth of the steps
 */
function residentMemory(setup: string, step: string, steps: number): number[] {
  const source = `
    import { SemanticVision } from ${JSON.stringify(new URL('../dist/esm/index.js', import.meta.url).href)};
    let made = 0;
    const fresh = (size = 32) => {
      const data = new Uint8Array(size * size * 3);
      new DataView(data.buffer).setUint32(0, ++made);
      return { data, width: size, height: size, channels: 3 };
    };
    ${setup}
    const samples = [];
    for (let i = 1; i <= ${steps}; i++) {
      ${step}
      if (i % ${steps / 10} === 0) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
        gc();
        samples.push(process.memoryUsage.rss());
      }
    }
    console.log(JSON.stringify(samples));
    process.exit(0);`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', source],
    { cwd: join(ROOT, 'test'), encoding: 'utf8', timeout: 240_000 },
  );
  assert.is(status, 0, stderr);
  return JSON.parse(stdout) as number[];
}

/** Growth a step after the warm-up, from the medians of the first and the last third of the samples. */
function growthPerStep(samples: number[], steps: number): number {
  const settled = samples.slice(2);
  const third = Math.floor(settled.length / 3);
  const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const growth = median(settled.slice(-third)) - median(settled.slice(0, third));
  return growth / ((steps / 10) * (settled.length - third));
}

function report(growth: number, samples: number[]): string {
  return `grew ${Math.round(growth)} bytes each: ${samples.map((bytes) => Math.round(bytes / MIB)).join(' ')} MiB`;
}

const memory = suite('memory');

memory('200 lives of a pool', () => {
  // Two at a time, to use both cores.
  const life = `(async () => {
    const vision = await SemanticVision.create({ model: ${MODEL}, workers: 1, intraOpNumThreads: 1 });
    await vision.embedImage(fresh());
    await vision.close();
  })()`;
  const samples = residentMemory('', `await Promise.all([${life}, ${life}]);`, 100);
  // A session that is not released costs about 2 MB of weights, a thread that is not ended more than 10 MB.
  const growth = growthPerStep(samples, 100) / 2;
  assert.ok(growth < 0.4 * MIB, report(growth, samples));
});

// Shared memory is given back when every thread that saw it has collected its garbage, so a plateau comes late: images
// are large enough for a leak to stand out from it.
memory('100 images in one pool', () => {
  const samples = residentMemory(
    `const vision = await SemanticVision.create({ model: ${MODEL}, workers: 2, intraOpNumThreads: 1 });`,
    `await Promise.all([vision.embedImage(fresh(1000)), vision.embedImage(fresh(1000))]);`,
    50,
  );
  // One copy of the pixels that stays behind is 3 MB.
  const growth = growthPerStep(samples, 50) / 2;
  assert.ok(growth < 1.5 * MIB, report(growth, samples));
});

memory('aborted, refused and failing requests leave nothing behind', () => {
  const samples = residentMemory(
    `const vision = await SemanticVision.create({ model: ${MODEL}, workers: 1, intraOpNumThreads: 1, maxQueue: 4 });
     const long = new AbortController().signal;`,
    `const controller = new AbortController();
     const requests = Array.from({ length: 8 }, (_, i) =>
       vision.embedImage(fresh(700), { signal: i % 2 ? controller.signal : long }));
     requests.push(vision.embedImage(Buffer.alloc(300_000, 'x')));
     setImmediate(() => controller.abort());
     await Promise.allSettled(requests);`,
    50,
  );
  // Eight copies of 1.5 MB.
  const growth = growthPerStep(samples, 50);
  assert.ok(growth < 4 * MIB, report(growth, samples));
});

// The decoder's pixels (36 MB a photo, and their copy) are freed by finalizers, which do not run on their own in time.
memory('40 photos of 12 megapixels through one worker', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-memory-'));
  const path = join(folder, 'photo.jpg');
  const tile = { input: readFileSync(photo('two-dogs')), tile: true };
  const canvas = { create: { width: 4032, height: 3024, channels: 3 as const, background: 'white' } };
  await sharp(canvas).composite([tile]).jpeg({ quality: 85 }).toFile(path);
  try {
    const samples = residentMemory(
      `const { readFileSync } = await import('node:fs');
       const photo = readFileSync(${JSON.stringify(path)});
       const vision = await SemanticVision.create({ model: ${MODEL}, workers: 1, intraOpNumThreads: 1 });
       // Other bytes behind the end marker make it another photo for the cache.
       const another = () => Buffer.concat([photo, Buffer.from(String(++made))]);
       const start = process.memoryUsage.rss();
       let peak = 0;`,
      `await vision.embedImage(another());
       peak = Math.max(peak, process.memoryUsage.rss());
       if (i === 40) samples.push(start, peak);`,
      40,
    );
    const [start, peak] = samples.splice(samples.length - 3, 2) as [number, number];
    assert.is(samples.length, 10);
    const growth = peak - start;
    assert.ok(growth < 700 * MIB, `grew to ${Math.round(growth / MIB)} MiB; ${report(growth / 40, samples)}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

memory.run();
