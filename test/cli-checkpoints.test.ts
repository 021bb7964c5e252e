// When work in progress is saved, and that nothing is lost at the end.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Checkpoints } from '../dist/esm/cli/checkpoints.js';

const checkpoints = suite('cli checkpoints');

checkpoints('nothing new, nothing saved', async () => {
  let saves = 0;
  const save = () => {
    saves++;
    return Promise.resolve();
  };
  const points = new Checkpoints(save, 0);
  points.tick();
  await points.finish();
  assert.is(saves, 0);
});

checkpoints('not before it is due, then in the background, and one at a time', async () => {
  const pending: (() => void)[] = [];
  const save = () => new Promise<void>((resolve) => pending.push(resolve));
  const late = new Checkpoints(save, 3_600_000);
  late.changed();
  late.tick();
  assert.is(pending.length, 0);

  const due = new Checkpoints(save, 0);
  due.changed();
  due.tick();
  assert.is(pending.length, 1);
  due.changed();
  due.tick();
  assert.is(pending.length, 1, 'one at a time');
  const finished = due.finish();
  pending[0]!();
  await new Promise(setImmediate);
  assert.is(pending.length, 2, 'what came meanwhile is saved at the end');
  pending[1]!();
  await finished;
});

checkpoints('a save that failed is reported by the next tick, and tried once more at the end', async () => {
  let saves = 0;
  const save = () => (++saves === 1 ? Promise.reject(new Error('disk full')) : Promise.resolve());
  const points = new Checkpoints(save, 0);
  points.changed();
  points.tick();
  await new Promise(setImmediate);
  assert.throws(() => points.tick(), /disk full/);
  await points.finish();
  assert.is(saves, 2);
});

checkpoints.run();
