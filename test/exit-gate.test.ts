// The flags that hold a process's exit until its workers are out of native code.
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExitGate, enterNative, workerEntry } from '../dist/esm/pool/exit-gate.js';

const flags = (gate: ExitGate) => [...gate.memory.subarray(2)];

test('a job raises its own flag while it runs, and lowers it when it fails too', async () => {
  const gate = new ExitGate(2);
  const result = await enterNative(gate.memory, 1, async () => {
    assert.equal(flags(gate), [0, 1]);
    return Promise.resolve('done');
  });
  assert.is(result, 'done');
  assert.equal(flags(gate), [0, 0]);
  const failing = enterNative(gate.memory, 0, () => Promise.reject(new Error('failed')));
  await failing.then(
    () => assert.unreachable(),
    () => undefined,
  );
  assert.equal(flags(gate), [0, 0]);
  gate.release();
});

test('the exit does not wait for a worker that died in its job', () => {
  const gate = new ExitGate(2);
  // A worker that ends under its job never lowers its flag.
  void enterNative(gate.memory, 0, () => new Promise(() => undefined));
  assert.equal(flags(gate), [1, 0]);
  gate.abandon(0);
  const start = Date.now();
  gate.stop();
  // A hang guard: without the line before last this takes the gate's whole patience of 30 s.
  assert.ok(Date.now() - start < 20_000);
  gate.release();
});

test('the exit waits for a thread that is loading its module, and one that comes later loads nothing', async () => {
  const gate = new ExitGate(0);
  const module =
    'data:text/javascript,' +
    encodeURIComponent(
      `import { parentPort } from 'node:worker_threads';
      parentPort.postMessage('loading');
      const until = Date.now() + 300;
      while (Date.now() < until);
      await 0;
      parentPort.postMessage('loaded');
      export default () => undefined;`,
    );
  const start = () =>
    new Worker(workerEntry(), { workerData: { loading: { ...gate.loading('worker.js'), module } } });
  const first = start();
  await once(first, 'message');
  gate.stop();
  // Both were sent before the gate opened, though nobody has looked at them yet.
  assert.equal(await once(first, 'message'), ['loaded']);
  await first.terminate();
  const second = start();
  second.on('message', () => assert.unreachable());
  await once(second, 'online');
  await setTimeout(500);
  await second.terminate();
  gate.stop();
  gate.release();
});

test.run();
