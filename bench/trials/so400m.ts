// Trial: the largest model, its time and memory in float32 and int8, and how near int8 comes to what the CPU can do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { makeNode } from '../../dist/esm/optimize/onnx/attributes.js';
import { encodeModel } from '../../dist/esm/optimize/onnx/encode.js';
import { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import {
  DataType,
  ModelProtoSchema,
  ValueInfoProtoSchema,
  create,
} from '../../dist/esm/optimize/onnx/proto.js';
import { makeTensor } from '../../dist/esm/optimize/onnx/tensor.js';
import { measure } from '../measure.js';
import { MODEL_SIZES } from '../models/sizes.js';
import { variantFolder } from '../models/variants.js';
import { CPUS } from '../subjects.js';
import type { Figure, Trial } from '../trial.js';

const INT8 = 'int8, fused';
const FP32 = 'fp32, as exported';
const PEAK = 'int8 products alone';
const IMAGE = `one image, ${CPUS} threads`;
const { image, patch, hidden, mlp, layers } = MODEL_SIZES.so400m.vision;
const TOKENS = Math.floor(image / patch) ** 2;
// A layer's four projections and two of the MLP, and the two products of attention.
const LAYER_MACS = TOKENS * (4 * hidden * hidden + 2 * hidden * mlp) + 2 * TOKENS * TOKENS * hidden;
const MODEL_MACS = layers * LAYER_MACS;
const OPTIONS = {
  intraOpNumThreads: CPUS,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
};

/** ONNX Runtime alone: no pool, no pixels. */
export const so400m: Trial = {
  name: 'so400m',
  about: `siglip-so400m-patch14-384 (random weights), ${(MODEL_MACS / 1e9).toFixed(0)} G multiply-adds an image`,
  subjects: [INT8, FP32, PEAK],
  async run(subject, effort) {
    if (subject === PEAK) return [await peak(effort.times(20))];
    const folder = await variantFolder(subject === INT8 ? 'ours' : 'fp32', 'so400m');
    const session = await InferenceSession.create(join(folder, 'onnx', 'vision_model.onnx'), OPTIONS);
    const pixels = Float32Array.from({ length: 3 * image * image }, (_, i) =>
      Math.sin(i * 0.37 + i * i * 1e-5),
    );
    const feeds = { pixel_values: new Tensor('float32', pixels, [1, 3, image, image]) };
    const time = await measure(IMAGE, effort.times(5), () => session.run(feeds, ['pooler_output']));
    const memory = { label: 'memory of the process', unit: 'MB' as const, value: residentMb() };
    await session.release();
    return [time, ...rate(time, MODEL_MACS), memory];
  },
};

// The products of one layer's widest matrix, as large as they get in the model: what is left when all else is free.
async function peak(samples: number): Promise<Figure> {
  const weights = Int8Array.from({ length: hidden * mlp }, (_, i) => ((i * 31) % 255) - 127);
  const proto = create(ModelProtoSchema, { irVersion: 8n });
  const model = new OnnxModel(proto);
  model.setOpset('', 17);
  model.graph.name = 'peak';
  model.graph.input.push(create(ValueInfoProtoSchema, info('a', DataType.UINT8, [TOKENS, hidden])));
  model.graph.output.push(create(ValueInfoProtoSchema, info('y', DataType.INT32, [TOKENS, mlp])));
  model.graph.initializer.push(makeTensor('b', DataType.INT8, [hidden, mlp], weights));
  model.graph.node.push(makeNode('MatMulInteger', { name: 'product', inputs: ['a', 'b'], outputs: ['y'] }));
  const bytes = Buffer.concat(encodeModel(model).model.map((piece) => piece.bytes()));
  const session = await InferenceSession.create(bytes, OPTIONS);
  const activations = Uint8Array.from({ length: TOKENS * hidden }, (_, i) => (i * 17) % 256);
  const feeds = { a: new Tensor('uint8', activations, [TOKENS, hidden]) };
  const time = await measure('one product', samples, () => session.run(feeds));
  await session.release();
  return rate(time, TOKENS * hidden * mlp)[0]!;
}

function info(name: string, elemType: number, dims: number[]) {
  const dim = dims.map((value) => ({ value: { case: 'dimValue' as const, value: BigInt(value) } }));
  return { name, type: { value: { case: 'tensorType' as const, value: { elemType, shape: { dim } } } } };
}

// By CPU time where it is known: what other processes take is not the model's.
function rate({ value, cpu }: Figure, macs: number): Figure[] {
  const ms = cpu === undefined ? value : cpu / CPUS;
  return [{ label: 'multiply-adds', unit: 'G/s', value: macs / ms / 1e6 }];
}

function residentMb(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}
