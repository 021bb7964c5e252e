// Each pass: what it replaces, and what it must leave alone.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attribute, floatAttribute, intAttribute, makeNode } from '../dist/esm/optimize/onnx/attributes.js';
import { Graph } from '../dist/esm/optimize/graph.js';
import type { OnnxModel } from '../dist/esm/optimize/onnx/model.js';
import { copyWith, create, DataType, GraphProtoSchema } from '../dist/esm/optimize/onnx/proto.js';
import { numberValues, shapeOf } from '../dist/esm/optimize/onnx/tensor.js';
import { dropIdentities } from '../dist/esm/optimize/passes/drop-identities.js';
import { foldQuery } from '../dist/esm/optimize/passes/fold-query.js';
import { foldConstants } from '../dist/esm/optimize/passes/fold-constants.js';
import { fuseAttention } from '../dist/esm/optimize/passes/fuse-attention.js';
import { fuseGelu } from '../dist/esm/optimize/passes/fuse-gelu.js';
import { fuseLayerNorm } from '../dist/esm/optimize/passes/fuse-layer-norm.js';
import { groundShapes } from '../dist/esm/optimize/passes/ground-shapes.js';
import { keepPooledOutput } from '../dist/esm/optimize/passes/keep-pooled-output.js';
import type { Pass } from '../dist/esm/optimize/passes/pass.js';
import type { PassReport } from '../dist/esm/optimize/passes/report.js';
import { removeDead } from '../dist/esm/optimize/passes/remove-dead.js';
import { layerNorm } from '../bench/models/blocks.js';
import { GraphBuilder } from '../bench/models/graph-builder.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { refused } from './helpers/assertions.js';
import { POOLING, crossAttention, type CrossAttention } from './helpers/cross-attention.js';
import { floats, near, run } from './helpers/onnx.js';

const WIDTH = 8;
const TOKENS = 4;

// x -> y, [batch, 4, 8], made by what is given.
function modelOf(
  build: (g: GraphBuilder) => string,
  x: (string | number)[] = ['batch', TOKENS, WIDTH],
): OnnxModel {
  const g = new GraphBuilder(randomWeights(1));
  g.input('x', DataType.FLOAT, x);
  g.node('/end', 'Identity', [build(g)], {}, 'y');
  g.output('y', DataType.FLOAT, ['batch', TOKENS, WIDTH]);
  return g.model;
}

// Runs a pass and clears up; the outputs must stay.
async function applied(
  model: OnnxModel,
  pass: Pass,
): Promise<{ graph: Graph; report: PassReport; left: string[] }> {
  const graph = new Graph(model);
  const report = pass(graph);
  removeDead(graph);
  const feeds = { x: floats([2, TOKENS, WIDTH]) };
  const [before, after] = [await run(model, feeds), await run(graph.model, feeds)];
  for (const [name, tensor] of Object.entries(before)) near(after[name], tensor, 1e-5, name);
  return { graph, report, left: report.left.map(({ why }) => why) };
}

function operators(graph: Graph): string[] {
  return graph.nodes.map(({ opType }) => opType);
}

const removing = suite('removeDead');

removing('nodes and initialisers that no output needs go, in one sweep', () => {
  const graph = new Graph(
    modelOf((g) => {
      const dead = g.node('/dead', 'Add', ['x', g.weight('dead.bias', [WIDTH], 'bias')]);
      g.node('/dead', 'Tanh', [g.node('/dead', 'Neg', [dead])]);
      return g.node('/live', 'Tanh', ['x']);
    }),
  );
  assert.is(removeDead(graph).found, 4);
  assert.equal(operators(graph), ['Tanh', 'Identity']);
  assert.is(graph.model.graph.initializer.length, 0);
  assert.is(removeDead(graph).found, 0);
});

removing('an initialiser that is an input as well is a default, and stays', () => {
  const model = modelOf((g) => {
    g.input(g.weight('default', [WIDTH], 'bias'), DataType.FLOAT, [WIDTH]);
    return 'x';
  });
  const graph = new Graph(model);
  assert.is(removeDead(graph).found, 0);
  assert.is(graph.constantOf('default'), undefined, 'a run may give another value');
});

removing('what graphs inside of nodes use is needed', () => {
  const model = modelOf((g) => {
    const outer = g.node('/outer', 'Tanh', ['x']);
    const branch = (op: string) =>
      create(GraphProtoSchema, {
        name: op,
        node: [makeNode(op, { inputs: [outer], outputs: [`${op}_y`] })],
        output: [{ name: `${op}_y` }],
      });
    const condition = g.node('/if', 'Constant', [], {});
    g.node('/if', 'If', [condition], {});
    const node = g.model.graph.node.at(-1)!;
    node.attribute = ['then_branch', 'else_branch'].map((name) => {
      const made = makeNode('x', { inputs: [], outputs: [], attributes: { [name]: 0n } }).attribute[0]!;
      return copyWith(made, { g: branch(name === 'then_branch' ? 'Neg' : 'Abs') });
    });
    return node.output[0]!;
  });
  const graph = new Graph(model);
  assert.is(removeDead(graph).found, 0);
  assert.ok(graph.isExposed('/outer/Tanh_output_0'));
});

removing.run();

const folding = suite('foldConstants');

folding('parts of shapes that are known become constants, those of the batch do not', async () => {
  const model = modelOf((g) => {
    const shape = g.node('/s', 'Shape', ['x']);
    const part = (axis: number) =>
      g.node('/s', 'Unsqueeze', [
        g.node('/s', 'Gather', [shape, g.int('/s', axis)], { axis: 0n }),
        g.ints('/s', [0]),
      ]);
    const wanted = g.node('/s', 'Concat', [part(0), part(1), part(2)], { axis: 0n });
    return g.node('/s', 'Reshape', ['x', wanted]);
  });
  const { graph } = await applied(model, foldConstants);
  assert.equal(operators(graph), ['Shape', 'Gather', 'Unsqueeze', 'Concat', 'Reshape', 'Identity']);
});

folding('slices, transposes, splits and gathers of weights are done', async () => {
  const model = modelOf((g) => {
    const packed = g.weight('packed', [3 * WIDTH, WIDTH], 'linear');
    const cut = g.node('/a', 'Slice', [
      packed,
      g.ints('/a', [-2 * WIDTH]),
      g.ints('/a', [-WIDTH]),
      g.ints('/a', [0]),
    ]);
    const turned = g.node('/a', 'Transpose', [cut], { perm: [1n, 0n] });
    const squeezed = g.node('/a', 'Squeeze', [
      g.node('/a', 'Unsqueeze', [turned, g.ints('/a', [0])]),
      g.ints('/a', [0]),
    ]);
    const stack = g.weight('stack', [2, WIDTH, 3], 'bias');
    const row = g.node('/a', 'Gather', [g.node('/a', 'Gather', [stack, g.int('/a', -1)]), g.int('/a', 2)], {
      axis: 1n,
    });
    return g.node('/a', 'Add', [g.node('/a', 'MatMul', ['x', squeezed]), row]);
  });
  const { graph } = await applied(model, foldConstants);
  assert.equal(operators(graph), ['MatMul', 'Add', 'Identity']);
  const [weight = ''] = graph.nodes[0]!.input.slice(1);
  const packed = numberValues(graph.model, model.graph.initializer[0]!);
  const tensor = graph.constantOf(weight)!;
  assert.equal(shapeOf(tensor), [WIDTH, WIDTH]);
  assert.is(numberValues(graph.model, tensor)[1], packed[(WIDTH + 1) * WIDTH], 'row 0, column 1');
});

folding('a constant that is an output of the graph is still made by its node', async () => {
  const model = modelOf((g) => {
    const constant = g.float('/c', 2);
    g.output(constant, DataType.FLOAT, []);
    return g.node('/c', 'Mul', ['x', constant]);
  });
  const { graph, report } = await applied(model, foldConstants);
  assert.is(report.found, 0);
  assert.ok(operators(graph).includes('Constant'));
});

folding.run();

const identities = suite('dropIdentities');

identities('what gives back its input goes; what changes type or shape stays', async () => {
  const model = modelOf((g) => {
    const same = g.node('/i', 'Cast', [g.node('/i', 'Identity', ['x'])], { to: 1n });
    const whole = g.node('/i', 'Cast', [g.node('/i', 'Cast', [same], { to: 7n })], { to: 1n });
    const shaped = g.node('/i', 'Reshape', [whole, g.ints('/i', [-1, TOKENS, WIDTH])]);
    const turned = g.node('/i', 'Transpose', [shaped], { perm: [0n, 1n, 2n] });
    return g.node('/i', 'Tanh', [turned]);
  });
  const { graph, report } = await applied(model, dropIdentities);
  assert.is(report.found, 4);
  assert.equal(operators(graph), ['Cast', 'Cast', 'Tanh', 'Identity']);
});

identities('a reshape whose sizes are unknown stays', async () => {
  const model = modelOf(
    (g) => g.node('/i', 'Reshape', ['x', g.ints('/i', [-1, TOKENS, WIDTH])]),
    ['a', 'b', 'c'],
  );
  assert.is((await applied(model, dropIdentities)).report.found, 0);
});

const grounding = suite('groundShapes');

grounding('a size is asked of the input, not of what is made of it', async () => {
  const model = modelOf((g) => {
    const late = g.node('/t', 'Tanh', [g.node('/t', 'Neg', ['x'])]);
    const ask = (axis: string) => g.node('/s', 'Gather', [g.node('/s', 'Shape', [late]), axis]);
    const list = [
      ask(g.ints('/s', [0])),
      g.node('/s', 'Unsqueeze', [ask(g.int('/s', 0)), g.ints('/s', [0])]),
    ];
    const sizes = g.node('/s', 'Concat', [list[0]!, g.ints('/s', [TOKENS]), g.ints('/s', [WIDTH])], {
      axis: 0n,
    });
    const other = g.node('/s', 'Concat', [list[1]!, g.ints('/s', [TOKENS, WIDTH])], { axis: 0n });
    return g.node('/s', 'Reshape', [g.node('/s', 'Reshape', ['x', sizes]), other]);
  });
  const { graph, report } = await applied(model, groundShapes);
  assert.is(report.found, 2);
  assert.not(operators(graph).includes('Tanh'));
  for (const node of graph.nodes.filter(({ opType }) => opType === 'Shape')) assert.equal(node.input, ['x']);
});

grounding.run();

identities.run();

const norm = suite('fuseLayerNorm');

norm('nine nodes become one, with the epsilon', async () => {
  const { graph, report } = await applied(
    modelOf((g) => layerNorm(g, '/norm', 'x', WIDTH)),
    fuseLayerNorm,
  );
  assert.is(report.found, 1);
  const node = graph.nodes.find(({ opType }) => opType === 'LayerNormalization')!;
  assert.is(Math.fround(floatAttribute(node, 'epsilon', 0)), Math.fround(1e-6));
  assert.is(intAttribute(node, 'axis', 0), -1);
  assert.equal(node.input, ['x', 'norm.weight', 'norm.bias']);
});

norm('left alone, and told why: unknown shape, a value in between that is an output', async () => {
  const unknown = await applied(
    modelOf((g) => layerNorm(g, '/norm', 'x', WIDTH), ['a', 'b', 'c']),
    fuseLayerNorm,
  );
  assert.is(unknown.report.found, 0);
  assert.match(unknown.left[0]!, /size of the last axis/);
  const exposed = await applied(
    modelOf((g) => {
      const y = layerNorm(g, '/norm', 'x', WIDTH);
      g.untypedOutput('/norm/Div_output_0');
      return y;
    }),
    fuseLayerNorm,
  );
  assert.is(exposed.report.found, 0);
  assert.match(exposed.left[0]!, /elsewhere/);
});

norm.run();

const gelu = suite('fuseGelu');

function geluOf(g: GraphBuilder, x: string, cubic = 0.044715): string {
  const cube = g.node('/g', 'Pow', [x, g.float('/g', 3)]);
  const inner = g.node('/g', 'Add', [x, g.node('/g', 'Mul', [cube, g.float('/g', cubic)])]);
  const angle = g.node('/g', 'Mul', [inner, g.float('/g', 0.7978845608)]);
  const bracket = g.node('/g', 'Add', [g.node('/g', 'Tanh', [angle]), g.float('/g', 1)]);
  return g.node('/g', 'Mul', [g.node('/g', 'Mul', [x, g.float('/g', 0.5)]), bracket]);
}

gelu('the bias before it is taken over', async () => {
  const model = modelOf((g) => geluOf(g, g.node('/b', 'Add', [g.weight('bias', [WIDTH], 'embedding'), 'x'])));
  const { graph, report } = await applied(model, fuseGelu);
  assert.is(report.found, 1);
  assert.equal(operators(graph), ['FastGelu', 'Identity']);
  assert.equal(graph.nodes[0]!.input, ['x', 'bias']);
  assert.is(graph.nodes[0]!.domain, 'com.microsoft');
  assert.is(graph.model.opset('com.microsoft'), 1);
});

gelu('a bias of another shape stays', async () => {
  const model = modelOf((g) =>
    geluOf(g, g.node('/b', 'Add', [g.weight('bias', [TOKENS, 1], 'embedding'), 'x'])),
  );
  const { graph } = await applied(model, fuseGelu);
  assert.equal(operators(graph), ['Add', 'FastGelu', 'Identity']);
  assert.is(graph.nodes[1]!.input.length, 1);
});

gelu('another constant, or a lone tanh: left alone', async () => {
  const other = await applied(
    modelOf((g) => geluOf(g, 'x', 0.0448)),
    fuseGelu,
  );
  assert.equal([other.report.found, other.left.length], [0, 1]);
  const lone = await applied(
    modelOf((g) => g.node('/t', 'Tanh', ['x'])),
    fuseGelu,
  );
  assert.equal([lone.report.found, lone.left], [0, ['the tanh is not that of a GELU']]);
});

gelu.run();

const attention = suite('fuseAttention');

interface Variant {
  mask?: (g: GraphBuilder) => string;
  guarded?: boolean;
  biases?: boolean;
  join?: number[];
  back?: bigint[];
  expose?: string;
}

function attentionOf(
  g: GraphBuilder,
  { mask, guarded, biases = true, join = [0, TOKENS, WIDTH], back = [0n, 2n, 1n, 3n], expose }: Variant,
): string {
  const split = (name: string) => {
    const product = g.node(`/${name}`, 'MatMul', ['x', g.weight(`${name}.weight`, [WIDTH, WIDTH], 'linear')]);
    const sum = biases
      ? g.node(`/${name}`, 'Add', [product, g.weight(`${name}.bias`, [WIDTH], 'bias')])
      : product;
    return g.node(`/${name}`, 'Reshape', [sum, g.ints(`/${name}`, [0, TOKENS, 2, WIDTH / 2])]);
  };
  const turn = (x: string, perm: bigint[]) => g.node('/a', 'Transpose', [x], { perm });
  const query = g.node('/a', 'Mul', [turn(split('q'), [0n, 2n, 1n, 3n]), g.float('/a', 0.5)]);
  const product = g.node('/a', 'MatMul', [query, turn(split('k'), [0n, 2n, 3n, 1n])]);
  const scores = mask ? g.node('/a', 'Add', [mask(g), product]) : product;
  const softmax = g.node('/a', 'Softmax', [scores], { axis: -1n });
  const weights = guarded
    ? g.node('/a', 'Where', [g.node('/a', 'IsNaN', [softmax]), g.float('/a', 0), softmax])
    : softmax;
  const mixed = g.node('/a', 'MatMul', [weights, turn(split('v'), [0n, 2n, 1n, 3n])]);
  if (expose !== undefined) g.untypedOutput(expose);
  return g.node('/a', 'Reshape', [turn(mixed, back), g.ints('/a', join)]);
}

const attend = (variant: Variant) =>
  applied(
    modelOf((g) => attentionOf(g, variant)),
    fuseAttention,
  );

attention('becomes one node with heads, scale and the three biases', async () => {
  const { graph, report } = await attend({});
  assert.is(report.found, 1);
  assert.equal(operators(graph), ['MatMul', 'MatMul', 'MatMul', 'MultiHeadAttention', 'Identity']);
  const node = graph.nodes[3]!;
  assert.equal([intAttribute(node, 'num_heads', 0), floatAttribute(node, 'scale', 0)], [2, 0.5]);
  assert.is(node.input.length, 4);
  assert.equal(shapeOf(graph.constantOf(node.input[3])!), [3 * WIDTH]);
});

attention('without biases', async () => {
  const { graph } = await attend({ biases: false });
  assert.is(graph.nodes[3]!.input.length, 3);
});

attention('a mask for every score is handed over', async () => {
  const { graph, report } = await attend({
    mask: (g) => g.weight('mask', [1, 1, TOKENS, TOKENS], 'embedding'),
  });
  assert.is(report.found, 1);
  assert.equal(graph.nodes[3]!.input.slice(4), ['', 'mask']);
});

attention('a mask of keys is stretched to every score', async () => {
  for (const shape of [[TOKENS], [1, 1, 1, TOKENS], [2, 1, 1, TOKENS], [TOKENS, 1]]) {
    const { graph, report, left } = await attend({ mask: (g) => g.weight('mask', shape, 'embedding') });
    // A batch of two is no batch of any size.
    const fits = shape[0] !== 2;
    if (!fits) assert.match(left[0]!, /mask does not stretch/);
    assert.is(report.found, fits ? 1 : 0, String(shape));
    assert.is(operators(graph).includes('Expand'), fits, String(shape));
  }
});

attention(
  'a mask that masks nothing goes, and with it the guard against rows that are all masked',
  async () => {
    const mask = (g: GraphBuilder) =>
      g.node('/m', 'Expand', [g.float('/m', 0), g.ints('/m', [1, 1, TOKENS, TOKENS])]);
    const { graph, report } = await attend({ mask, guarded: true });
    assert.is(report.found, 1);
    assert.is(graph.nodes.find(({ opType }) => opType === 'MultiHeadAttention')!.input.length, 4);
  },
);

attention('left alone, and told why', async () => {
  const reasons: [RegExp, Variant][] = [
    [
      /scores are not known to be/,
      { mask: (g) => g.node('/m', 'Sign', [g.weight('mask', [1, 1, TOKENS, TOKENS], 'embedding')]) },
    ],
    [
      /zeros where everything is masked/,
      { guarded: true, mask: (g) => g.weight('mask', [1, 1, TOKENS, TOKENS], 'embedding') },
    ],
    [/elsewhere/, { expose: '/a/MatMul_1_output_0' }],
    [/not joined again/, { back: [0n, 1n, 2n, 3n] }],
  ];
  for (const [why, variant] of reasons) {
    const { report, left } = await attend(variant);
    assert.is(report.found, 0, String(why));
    assert.match(left[0]!, why);
  }
});

attention('the heads may be joined by a detour', async () => {
  const model = modelOf((g) => {
    const y = attentionOf(g, { join: [-1, TOKENS * 2, WIDTH / 2] });
    return g.node('/back', 'Reshape', [y, g.ints('/back', [-1, TOKENS, WIDTH])]);
  });
  const { graph, report } = await applied(model, fuseAttention);
  assert.is(report.found, 1);
  assert.not(operators(graph).includes('Reshape'));
});

// Attention of PyTorch's, added to x.
const pooling = (g: GraphBuilder, form: Partial<CrossAttention>) =>
  g.node('/end', 'Add', ['x', crossAttention(g, '/p', 'x', 'x', [TOKENS, WIDTH], { ...POOLING, ...form })]);
// The batch is 2 in every run.
const pool = (form: Partial<CrossAttention>, batch: string | number = 'batch', pass: Pass = fuseAttention) =>
  applied(
    modelOf((g) => pooling(g, form), [batch, TOKENS, WIDTH]),
    pass,
  );

attention("PyTorch's own layout: one query an image or many, packed in every way", async () => {
  const forms: Partial<CrossAttention>[] = (['gather', 'split', 'slice', 'apart'] as const).map((packed) => ({
    packed,
  }));
  forms.push({ query: 'expanded' }, { query: 'value' }, { query: 'value', scaled: 'early' });
  forms.push({ scaled: 'scores' }, { scaled: 'key', heads: 4 }, { biases: false });
  for (const form of forms) {
    for (const batch of ['batch', 2]) {
      const { graph, report } = await pool(form, batch);
      const what = `${JSON.stringify(form)} ${batch}`;
      assert.is(report.found, 1, what);
      const names = operators(graph);
      assert.not(names.includes('Softmax'), what);
      // Query, key, value and the layer behind them, each by itself, and none of the transposes before.
      assert.is(names.filter((name) => name === 'MatMul').length, 4, what);
      const node = graph.nodes.find(({ opType }) => opType === 'MultiHeadAttention')!;
      assert.is(floatAttribute(node, 'scale', 0), Math.fround((WIDTH / (form.heads ?? 2)) ** -0.5));
      assert.is(node.input.length, form.biases === false ? 3 : 4, what);
      const many = form.query === 'value';
      assert.is(names.filter((name) => name === 'Transpose').length, many ? 2 : 1, what);
      assert.equal(graph.producerOf(node.input[1])!.input[0], 'x', what);
    }
  }
});

attention('tokens that come first are turned once', async () => {
  const { graph, report } = await pool({ tokensFirst: true });
  assert.is(report.found, 1);
  const [query, key, value] = graph.nodes
    .find(({ opType }) => opType === 'MultiHeadAttention')!
    .input.slice(0, 3)
    .map((name) => graph.producerOf(name)!.input[0]);
  assert.is(key, value);
  assert.is.not(query, key);
  assert.is(graph.producerOf(key)!.opType, 'Transpose');
});

attention('a mask of keys goes with it', async () => {
  for (const mask of [[TOKENS], [1, 1, TOKENS]]) {
    const { graph, report } = await pool({ mask });
    assert.is(report.found, 1);
    assert.ok(operators(graph).includes('Expand'));
  }
});

attention('what only looks like it is left, and told why', async () => {
  const reasons: [RegExp, Partial<CrossAttention>][] = [
    [/not \[batch, tokens/, { flaw: 'interleaved' }],
    [/not \[batch, tokens/, { flaw: 'mixed' }],
    [/not joined/, { flaw: 'join', query: 'value' }],
    [/last axis/, { flaw: 'axis', query: 'value' }],
    [/values are scaled/, { flaw: 'value' }],
    [/elsewhere/, { flaw: 'exposed' }],
    [/mask does not stretch/, { mask: [2 * 2, 1, TOKENS] }],
  ];
  for (const [why, form] of reasons) {
    const { graph, report, left } = await pool(form);
    assert.is(report.found, 0, String(why));
    assert.match(left[0]!, why);
    assert.ok(operators(graph).includes('Softmax'));
  }
});

attention.run();

const query = suite('foldQuery');

const fuseAndFold: Pass = (graph) => {
  fuseAttention(graph);
  return foldQuery(graph);
};
const known = (form: Partial<CrossAttention>) => pool(form, 'batch', fuseAndFold);
// Two different values go in.
const crossOf = (form: Partial<CrossAttention>) =>
  modelOf((g) =>
    crossAttention(g, '/p', 'x', g.node('/other', 'Tanh', ['x']), [TOKENS, WIDTH], {
      ...POOLING,
      ...form,
    }),
  );

query('one query for all images: neither key nor value is made', async () => {
  for (const form of [
    {},
    { query: 'expanded', heads: 4 },
    { biases: false },
    { heads: 1, packed: 'apart' },
  ] as const) {
    const { graph, report } = await known(form);
    // One head of three axes is not known to be one.
    const fused = form.heads === 1 ? 0 : 1;
    assert.is(report.found, fused, JSON.stringify(form));
    if (fused === 0) continue;
    const names = operators(graph);
    assert.not(names.includes('MultiHeadAttention'));
    assert.not(names.includes('Tile') || names.includes('Expand'));
    const scores = graph.nodes.find(({ opType }) => opType === 'FusedMatMul')!;
    assert.equal(shapeOf(graph.constantOf(scores.input[0])!), [form.heads ?? 2, WIDTH]);
  }
});

query('a query that differs, or comes from elsewhere, is not that', async () => {
  for (const form of [{ query: 'value' }, { tokensFirst: true }] as const) {
    const { report } = await known(form);
    assert.equal([report.found, report.left], [0, []]);
  }
});

query('left, and told why: a mask, a key that is used', async () => {
  assert.match((await known({ mask: [TOKENS] })).left[0]!, /mask/);
  const other = crossOf({ packed: 'apart', flaw: 'tokens' });
  assert.match((await applied(other, fuseAndFold)).left[0]!, /same tokens/);
  const graph = new Graph(modelOf((g) => pooling(g, {})));
  fuseAttention(graph);
  const [, key = ''] = graph.nodes.find(({ opType }) => opType === 'MultiHeadAttention')!.input;
  graph.model.graph.output.push(copyWith(graph.model.graph.output[0]!, { name: key }));
  assert.match(foldQuery(graph).left[0]!.why, /elsewhere/);
});

query('left, and told why: attention that sees only what comes before, as a file may have it already', () => {
  const graph = new Graph(modelOf((g) => pooling(g, {})));
  fuseAttention(graph);
  const node = graph.nodes.find(({ opType }) => opType === 'MultiHeadAttention')!;
  const { attribute } = makeNode('', { inputs: [], outputs: [], attributes: { unidirectional: 1n } });
  node.attribute.push(...attribute);
  assert.match(foldQuery(graph).left[0]!.why, /mask/);
});

query.run();

const pooled = suite('keepPooledOutput');

pooled('the embedding alone stays; graphs with logits, or without an embedding, are left', () => {
  const outputsOf = (...names: string[]) => {
    const model = modelOf(() => 'x');
    model.graph.output = names.map((name) => copyWith(model.graph.output[0]!, { name }));
    const graph = new Graph(model);
    const report = keepPooledOutput(graph);
    return [graph.outputs, report.found, report.left.length];
  };
  assert.equal(outputsOf('last_hidden_state', 'pooler_output'), [['pooler_output'], 1, 0]);
  assert.equal(outputsOf('image_embeds', 'last_hidden_state'), [['image_embeds'], 1, 0]);
  const whole = ['logits_per_image', 'image_embeds', 'text_embeds'];
  assert.equal(outputsOf(...whole), [whole, 0, 1]);
  assert.equal(outputsOf('a', 'b'), [['a', 'b'], 0, 1]);
  assert.equal(outputsOf('y'), [['y'], 0, 0]);
});

pooled.run();

const editing = suite('Graph');

editing('producers, users and constants follow what is changed', () => {
  const graph = new Graph(
    modelOf((g) => g.node('/b', 'Add', [g.node('/a', 'Tanh', ['x']), g.float('/b', 2)])),
  );
  const [tanh, constant, add] = graph.nodes;
  assert.is(graph.producerOf(add!.input[0]), tanh);
  assert.equal(graph.usersOf('/a/Tanh_output_0'), [add]);
  assert.is(graph.scalarOf(constant!.output[0]), 2);
  const name = graph.addConstant('two', DataType.INT64, [2], BigInt64Array.of(1n, 2n));
  assert.equal(graph.intsOf(name), [1, 2]);
  assert.is(graph.scalarOf(name), undefined);
  assert.is(graph.uniqueName('two'), 'two_1');
  const sigmoid = makeNode('Sigmoid', { name: 'sigmoid', inputs: ['x'], outputs: [...tanh!.output] });
  graph.replaceNode(tanh!, sigmoid);
  assert.is(graph.producerOf('/a/Tanh_output_0'), sigmoid);
  assert.equal(graph.usersOf('x'), [sigmoid]);
  graph.replaceUses('/a/Tanh_output_0', 'x');
  assert.equal(graph.usersOf('x').length, 2);
  graph.insertBefore(add!, makeNode('Neg', { name: 'neg', inputs: ['x'], outputs: ['z'] }));
  assert.equal(operators(graph), ['Sigmoid', 'Constant', 'Neg', 'Add', 'Identity']);
  graph.removeNode(sigmoid);
  assert.is(graph.producerOf('/a/Tanh_output_0'), undefined);
});

editing('the model that was given is not changed', () => {
  const model = modelOf((g) => layerNorm(g, '/norm', 'x', WIDTH));
  const before = model.graph.node.map(({ opType, input }) => `${opType} ${input.join(' ')}`);
  const graph = new Graph(model);
  for (const pass of [foldConstants, fuseLayerNorm, removeDead]) pass(graph);
  graph.setInput(graph.nodes[0]!, 0, 'other');
  graph.model.setOpset('', 99);
  assert.equal(
    model.graph.node.map(({ opType, input }) => `${opType} ${input.join(' ')}`),
    before,
  );
  assert.is(model.opset(), 14);
  assert.is(attribute(model.graph.node[0]!, 'axes')?.ints[0], -1n);
});

editing('a graph in no order, or with a value made twice, is refused', async () => {
  const model = modelOf((g) => g.node('/b', 'Neg', [g.node('/a', 'Tanh', ['x'])]));
  model.graph.node.reverse();
  await refused(() => new Graph(model), 'MODEL_INVALID', /used before/);
  const twice = modelOf((g) => g.node('/a', 'Tanh', ['x']));
  twice.graph.node.push(copyWith(twice.graph.node[0]!, { name: 'again' }));
  await refused(() => new Graph(twice), 'MODEL_INVALID', /twice.*again/);
  const cycle = modelOf((g) => g.node('/a', 'Tanh', ['x']));
  cycle.graph.node[0]!.input = [...cycle.graph.node[0]!.output];
  await refused(() => new Graph(cycle), 'MODEL_INVALID', /used before/);
});

editing.run();
