// The lanes against a model that is two arrays.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LaneQueue } from '../dist/esm/pool/queue.js';

interface Model {
  interactive: number[];
  bulk: number[];
}
type Lane = keyof Model;
type Command = fc.Command<Model, LaneQueue<number>>;

function check(model: Model, queue: LaneQueue<number>): void {
  assert.is(queue.size, model.interactive.length + model.bulk.length);
  assert.is(queue.sizeOf('interactive'), model.interactive.length);
  assert.is(queue.sizeOf('bulk'), model.bulk.length);
}

function command(name: string, run: (model: Model, queue: LaneQueue<number>) => void): Command {
  return {
    check: () => true,
    run: (model, queue) => {
      run(model, queue);
      check(model, queue);
    },
    toString: () => name,
  };
}

const removed = (lane: number[], item: number): boolean => {
  const at = lane.indexOf(item);
  if (at >= 0) lane.splice(at, 1);
  return at >= 0;
};

const push = (item: number, lane: Lane) =>
  command(`push ${item} ${lane}`, (model, queue) => {
    if (model.interactive.includes(item) || model.bulk.includes(item)) return;
    model[lane].push(item);
    queue.push(item, lane);
  });
const shift = command('shift', (model, queue) => {
  assert.is(queue.shift(), model.interactive.shift() ?? model.bulk.shift());
});
const remove = (item: number) =>
  command(`remove ${item}`, (model, queue) => {
    assert.is(queue.remove(item), removed(model.interactive, item) || removed(model.bulk, item));
  });
const promote = (item: number) =>
  command(`promote ${item}`, (model, queue) => {
    if (removed(model.bulk, item)) model.interactive.push(item);
    queue.promote(item);
  });

const queueSuite = suite('LaneQueue');

queueSuite('does what two arrays do, for every sequence of operations', () => {
  const item = fc.nat(12);
  const commands = fc.commands(
    [
      fc.tuple(item, fc.constantFrom<Lane>('interactive', 'bulk')).map(([value, lane]) => push(value, lane)),
      fc.constant(shift),
      item.map(remove),
      item.map(promote),
    ],
    { maxCommands: 80 },
  );
  fc.assert(
    fc.property(commands, (all) => {
      fc.modelRun(() => ({ model: { interactive: [], bulk: [] }, real: new LaneQueue<number>() }), all);
    }),
    { numRuns: 300 },
  );
});

queueSuite('an empty queue', () => {
  const queue = new LaneQueue<object>();
  assert.is(queue.shift(), undefined);
  assert.is(queue.remove({}), false);
  queue.promote({});
  assert.is(queue.size, 0);
});

queueSuite.run();
