// Trial: what fusing and quantising bring, the session alone.
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeModel } from '../../dist/esm/optimize/onnx/encode.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { readModel } from '../../dist/esm/optimize/onnx/read.js';
import { fuse } from '../../dist/esm/optimize/optimize.js';
import { quantize } from '../../dist/esm/optimize/quantize.js';
import { measure } from '../measure.js';
import { modelFolder } from '../models/folder.js';
import { withUnsignedWeights } from '../models/unsigned.js';
import type { Figure, Trial } from '../trial.js';

const OURS = 'int8, fused';
const SIGNED = 'int8';
const UNSIGNED = 'uint8, as hub files are';
const FUSED = 'fp32, fused';
const EXPORTED = 'fp32, as exported';
const SIDE = 224;
const THREADS = [2, 1];
const label = (threads: number) => `${threads} thread${threads === 1 ? '' : 's'}`;

const VARIANTS: Record<string, (exported: OnnxModel) => OnnxModel> = {
  [OURS]: (exported) => signed(fuse(exported).model),
  [SIGNED]: signed,
  [UNSIGNED]: (exported) => withUnsignedWeights(signed(exported)),
  [FUSED]: (exported) => fuse(exported).model,
  [EXPORTED]: (exported) => exported,
};

// As the library opens its sessions. Threads that spin while they wait for each other take CPU time, the more the busier
// the machine is: without, CPU time says what an image costs.
const OPTIONS = { interOpNumThreads: 1, extra: { session: { intra_op: { allow_spinning: '0' } } } };

/** No pool, no pixels: the same tensor over and over. */
export const quantised: Trial = {
  name: 'quantised',
  about: 'base-patch16-224 (random weights), one image, ONNX Runtime alone',
  subjects: Object.keys(VARIANTS),
  races: THREADS.map(label).flatMap((threads) => [
    { label: threads, subject: OURS, peer: EXPORTED, times: 2.8 },
    { label: threads, subject: OURS, peer: UNSIGNED, times: 1.8 },
  ]),
  async run(subject, effort) {
    const exported = await readModel(join(await modelFolder('base'), 'onnx', 'vision_model.onnx'));
    const model = VARIANTS[subject]!(exported);
    const bytes = Buffer.concat(encodeModel(model).model.map((piece) => piece.bytes()));
    const pixels = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) =>
      Math.sin(i * 0.37 + i * i * 1e-5),
    );
    const feeds = { pixel_values: new Tensor('float32', pixels, [1, 3, SIDE, SIDE]) };
    const figures: Figure[] = [];
    for (const threads of THREADS) {
      const session = await InferenceSession.create(bytes, { ...OPTIONS, intraOpNumThreads: threads });
      const run = () => session.run(feeds, ['pooler_output']);
      figures.push(await measure(label(threads), effort.times(15), run));
      await session.release();
    }
    return figures;
  },
};

function signed(model: OnnxModel): OnnxModel {
  quantize(model);
  return model;
}
