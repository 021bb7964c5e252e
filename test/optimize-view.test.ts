// Where elements are said to come from, against where they do when the graph runs.
import fc from 'fast-check';
import type { Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Dim } from '../dist/esm/optimize/facts/dims.js';
import { Facts } from '../dist/esm/optimize/facts/facts.js';
import { Graph } from '../dist/esm/optimize/graph.js';
import { DataType } from '../dist/esm/optimize/onnx/proto.js';
import { further, viewOf, type Axis, type Part, type View } from '../dist/esm/optimize/passes/view.js';
import { GraphBuilder } from '../bench/models/graph-builder.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { floats, run } from './helpers/onnx.js';

const BATCH = 2;
const SHAPE = [BATCH, 6, 4, 2];

// Steps over `[batch, 6, 4, 2]`; each gives the shape that it makes, for a batch of 2.
function step(
  g: GraphBuilder,
  x: string,
  shape: readonly number[],
  pick: (count: number) => number,
): [string, number[]] {
  const ints = (values: readonly number[]) => g.ints('/v', values);
  const axis = pick(shape.length);
  const size = shape[axis] as number;
  const kinds: (() => [string, number[]])[] = [
    () => {
      const perm = shape.map((_, i) => i);
      for (let i = perm.length - 1; i > 0; i--) {
        const j = pick(i + 1);
        [perm[i], perm[j]] = [perm[j] as number, perm[i] as number];
      }
      const turned = g.node('/v', 'Transpose', [x], { perm: perm.map(BigInt) });
      return [turned, perm.map((from) => shape[from] as number)];
    },
    () => {
      // Two neighbours become one, or one becomes two; the batch's size is left to the runtime.
      const merged = shape.toSpliced(
        axis,
        2,
        shape.slice(axis, axis + 2).reduce((a, b) => a * b, 1),
      );
      const factor = [2, 3, 4].find((each) => size % each === 0) ?? 1;
      const cut = shape.toSpliced(axis, 1, size / factor, factor);
      const target = pick(2) === 0 ? merged : cut;
      const open = pick(target.length);
      return [g.node('/v', 'Reshape', [x, ints(target.with(open, -1))]), target];
    },
    () => {
      const place = pick(shape.length + 1);
      return [g.node('/v', 'Unsqueeze', [x, ints([place])]), shape.toSpliced(place, 0, 1)];
    },
    () => {
      const ones = shape.indexOf(1);
      if (ones < 0) return [g.node('/v', 'Identity', [x]), [...shape]];
      return [g.node('/v', 'Squeeze', [x, ints([ones])]), shape.toSpliced(ones, 1)];
    },
    () => {
      const place = g.int('/v', pick(2) === 0 ? pick(size) : pick(size) - size);
      return [g.node('/v', 'Gather', [x, place], { axis: BigInt(axis) }), shape.toSpliced(axis, 1)];
    },
    () => {
      if (size % 2 !== 0) return [g.node('/v', 'Identity', [x]), [...shape]];
      const parts = g.node('/v', 'Split', [x, ints([size / 2, size / 2])], { axis: BigInt(axis) });
      const other = `${parts}_b`;
      g.model.graph.node.at(-1)!.output.push(other);
      return [pick(2) === 0 ? parts : other, shape.with(axis, size / 2)];
    },
    () => {
      const from = pick(size);
      const to = from + 1 + pick(size - from);
      const cut = g.node('/v', 'Slice', [x, ints([from]), ints([to]), ints([axis])]);
      return [cut, shape.with(axis, to - from)];
    },
    () => [g.node('/v', 'Mul', [x, g.float('/v', 2)]), [...shape]],
  ];
  return kinds[pick(kinds.length)]!();
}

type Sizes = ReadonlyMap<string, number>;

function sizeOf({ size }: Part, sizes: Sizes): number {
  return String(size)
    .split('*')
    .reduce((product, part) => product * (sizes.get(part) ?? Number(part)), 1);
}

// Where an element of the value is in the source.
function placeIn(view: View, index: readonly number[], sizes: Sizes): number[] {
  const where = new Map<Part, number>();
  view.axes.forEach((axis, i) => {
    let rest = index[i] as number;
    for (const part of [...axis].reverse()) {
      where.set(part, rest % sizeOf(part, sizes));
      rest = Math.floor(rest / sizeOf(part, sizes));
    }
  });
  const along = (axis: Axis) =>
    axis.reduce((place, part) => place * sizeOf(part, sizes) + (part.at ?? where.get(part) ?? Number.NaN), 0);
  return view.sourceAxes.map(along);
}

// Sizes that the facts have no name for, seen when it ran.
function sizesOf(facts: Facts, results: Record<string, Tensor>): Sizes {
  const known = Object.entries(results).flatMap(([name, { dims }]) =>
    (facts.shapeOf(name) ?? []).map((dim: Dim, i): [string, number] => [String(dim), dims[i] as number]),
  );
  return new Map(known.filter(([dim]) => /^[?a-z]\w*$/.test(dim)));
}

function offset(shape: readonly number[], index: readonly number[]): number {
  return index.reduce((sum, place, i) => sum * (shape[i] as number) + place, 0);
}

const views = suite('views');

views('elements come from where they are said to', async () => {
  let followed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(10_000), { minLength: 60, maxLength: 60 }),
      fc.boolean(),
      async (picks, symbolic) => {
        const choices = [...picks];
        const pick = (count: number) => (choices.shift() ?? 0) % count;
        const g = new GraphBuilder(randomWeights(1));
        g.input('x', DataType.FLOAT, symbolic ? ['batch', ...SHAPE.slice(1)] : SHAPE);
        let [name, shape] = ['x', [...SHAPE]];
        for (let i = 1 + pick(6); i > 0 && shape.length > 0; i--) [name, shape] = step(g, name, shape, pick);
        g.node('/v', 'Identity', [name], {}, 'y');
        g.untypedOutput('y');
        const graph = new Graph(g.model);
        const facts = new Facts(graph);
        let view = viewOf(facts, 'y');
        for (let next = view; next; next = further(graph, facts, next)) view = next;
        assert.ok(view);
        for (const name of g.model.graph.node.flatMap(({ output }) => output))
          if (name !== 'y') g.untypedOutput(name);
        const x = floats(SHAPE);
        const results: Record<string, Tensor> = { x, ...(await run(g.model, { x })) };
        const [y, source] = [results.y as Tensor, results[view.source] as Tensor];
        assert.equal(y.dims, shape);
        const sizes = sizesOf(facts, results);
        (y.data as Float32Array).forEach((value, i) => {
          const index = y.dims.map(
            (size, axis) => Math.floor(i / y.dims.slice(axis + 1).reduce((a, b) => a * b, 1)) % size,
          );
          const from = (source.data as Float32Array)[
            offset(source.dims, placeIn(view, index, sizes))
          ] as number;
          assert.is(value, from * view.scale);
        });
        if (view.source === 'x') followed++;
      },
    ),
    { numRuns: 300, includeErrorInReport: true },
  );
  assert.ok(followed > 150, `${followed} of 300 followed to the input`);
});

views.run();
