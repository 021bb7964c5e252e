// Threads of the user's that use the library and are ended by worker.terminate(), in the midst of whatever they do.
import { spawn } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL } from './helpers/fixtures.js';

const GUARD_MS = 240_000;
const LIBRARY = JSON.stringify(`${ROOT}/dist/esm/index.js`);

/** Runs a program that starts threads; it must end with 0 and print "survived". */
async function survives(main: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', main], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const guard = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...ending) => resolve(ending)),
  );
  clearTimeout(guard);
  assert.equal([code, signal, output.trim()], [0, null, 'survived']);
}

// Keeps two workers busy for ever, with JavaScript of its own on the thread in between.
const BUSY = `
const { parentPort, workerData } = require('node:worker_threads');
import(${LIBRARY}).then(async ({ SemanticVision }) => {
  const options = { model: ${JSON.stringify(TINY_MODEL)}, workers: 2, cacheMaxBytes: 0 };
  const vision = await SemanticVision.create(options);
  parentPort.postMessage('ready');
  let made = 0;
  const fresh = () => {
    const data = new Uint8Array(64 * 64 * 3);
    new DataView(data.buffer).setUint32(0, ++made);
    return { data, width: 64, height: 64, channels: 3 };
  };
  const spin = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
  for (;;) {
    const requests = [1, 2, 3, 4].map(() => vision.embedImage(fresh()).then(() => spin(workerData.spin)));
    await Promise.all(requests);
    if (workerData.turn === 'timer') await new Promise((resolve) => setTimeout(() => resolve(spin(2)), 1));
    if (workerData.turn === 'immediate') await new Promise((resolve) => setImmediate(() => resolve(spin(2))));
  }
});`;

const START = (source: string) => `
import { Worker } from 'node:worker_threads';
const start = (workerData) => new Worker(${JSON.stringify(source)}, { eval: true, execArgv: [], workerData });
const ready = (worker) => new Promise((resolve) => worker.once('message', resolve));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));`;

const ending = suite('worker.terminate()');

ending('while images are embedded: the process goes on', () =>
  survives(`${START(BUSY)}
    for (let round = 0; round < 24; round++) {
      const worker = start({ spin: (round % 4) * 2, turn: ['', 'timer', 'immediate'][round % 3] });
      await ready(worker);
      await pause(Math.random() * 60);
      await worker.terminate();
    }
    console.log('survived');`),
);

ending('while the library starts: the process goes on', () =>
  survives(`${START(BUSY)}
    for (let round = 0; round < 24; round++) {
      const worker = start({ spin: 0 });
      await pause(round * 20);
      await worker.terminate();
    }
    console.log('survived');`),
);

ending('of a thread in a thread; and by the end of the process', () =>
  survives(`${START(`
    const { Worker, parentPort } = require('node:worker_threads');
    const inner = new Worker(${JSON.stringify(BUSY)}, { eval: true, execArgv: [], workerData: { spin: 1 } });
    inner.once('message', () => parentPort.postMessage('ready'));`)}
    for (let round = 0; round < 4; round++) {
      const worker = start({});
      await ready(worker);
      await pause(Math.random() * 60);
      if (round < 3) await worker.terminate();
    }
    console.log('survived');
    process.exit(0);`),
);

// A thread inside hnswlib-node can't be ended from outside (docs/surroundings.md): it has to be asked.
ending('of a thread that uses an index is not needed: it ends by itself when it is asked', () =>
  survives(`${START(`
    const { parentPort } = require('node:worker_threads');
    let asked = false;
    parentPort.once('message', () => (asked = true));
    import(${LIBRARY}).then(async ({ VectorIndex }) => {
      const index = VectorIndex.create({ dimensions: 32 });
      const random = () => Float32Array.from({ length: 32 }, () => Math.random() - 0.5);
      parentPort.postMessage('ready');
      for (let added = 0; !asked; added++) {
        index.add(String(added), random());
        index.search(random(), { k: 3 });
        if (added % 16 === 0) await new Promise(setImmediate);
      }
      await index.close();
    });`)}
    for (let round = 0; round < 8; round++) {
      const worker = start({});
      await ready(worker);
      await pause(Math.random() * 30);
      worker.postMessage('end');
      await new Promise((resolve) => worker.once('exit', resolve));
    }
    console.log('survived');`),
);

ending.run();
