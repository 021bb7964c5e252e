// AbortSignal on a promise: who wins, what is called, what stays behind.
import { getEventListeners } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { abortable, throwIfAborted } from '../dist/esm/abort.js';
import { refused } from './helpers/assertions.js';

const never = new Promise<never>(() => undefined);

const abort = suite('abort');

abort('throwIfAborted', async () => {
  throwIfAborted(undefined);
  throwIfAborted(new AbortController().signal);
  const reason = new Error('why');
  const error = await refused(() => throwIfAborted(AbortSignal.abort(reason)), 'ABORTED');
  assert.is(error.cause, reason);
});

abort('without a signal, or when it does not fire, the promise decides', async () => {
  const { signal } = new AbortController();
  for (const each of [undefined, signal]) {
    assert.is(await abortable(Promise.resolve(5), each), 5);
    try {
      await abortable(Promise.reject(new Error('own')), each);
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, 'own');
    }
  }
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

abort('a signal that fires rejects at once and calls back once', async () => {
  const controller = new AbortController();
  let calls = 0;
  const waiting = abortable(never, controller.signal, () => calls++);
  assert.is(calls, 0);
  controller.abort('reason');
  assert.is(calls, 1);
  const error = await refused(waiting, 'ABORTED');
  assert.is(error.cause, 'reason');
  assert.is(getEventListeners(controller.signal, 'abort').length, 0);
});

abort('a signal that has fired already wins over a promise that is ready', async () => {
  let calls = 0;
  await refused(
    abortable(Promise.resolve(1), AbortSignal.abort(), () => calls++),
    'ABORTED',
  );
  assert.is(calls, 1);
});

abort('a signal that fires after the promise does not call back', async () => {
  const controller = new AbortController();
  let calls = 0;
  assert.is(await abortable(Promise.resolve(1), controller.signal, () => calls++), 1);
  await Promise.resolve();
  controller.abort();
  assert.is(calls, 0);
});

abort('a promise that rejects after the abort is nobody’s unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('late')), 5));
  await refused(abortable(late, AbortSignal.abort()), 'ABORTED');
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  assert.equal(unhandled, []);
});

abort.run();
