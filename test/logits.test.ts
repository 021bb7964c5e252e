// Where scale and bias come from: a graph of both towers as two exporters write it, the caller, or nobody.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readGraphLogits } from '../dist/esm/optimize/graph-logits.js';
import { Digests } from '../dist/esm/models/digests.js';
import { loadModel } from '../dist/esm/models/load-model.js';
import { readLogits } from '../dist/esm/models/logits.js';
import { resolveModelRequest, type ModelOption } from '../dist/esm/models/model-options.js';
import { Hasher } from '../dist/esm/pool/hasher.js';
import { refused } from './helpers/assertions.js';
import { fixture } from './helpers/fixtures.js';

const hasher = new Hasher();
const logits = suite('logits');

async function logitsOf(model: NonNullable<ModelOption['model']>) {
  const request = resolveModelRequest({ model });
  return readLogits((await loadModel(request, new Digests(hasher))).found, request);
}

logits('a graph of both towers holds the reference’s numbers', async () => {
  const { scale, bias } = await readGraphLogits(fixture('tiny-siglip2/onnx/model.onnx'));
  assert.ok(Math.abs(scale - Math.exp(4.77)) < 1e-4 && Math.abs(bias + 12.9) < 1e-6, `${scale}, ${bias}`);
});

logits('a graph without logits, and a file that is no graph', async () => {
  const towers = ['tiny-siglip2/onnx/vision_model.onnx', 'tiny-siglip2/onnx/text_model.onnx'];
  for (const path of towers)
    await refused(readGraphLogits(fixture(path)), 'ZERO_SHOT_UNSUPPORTED', /Add\(Mul/);
  await refused(readGraphLogits(fixture('tiny-siglip2/config.json')), 'MODEL_INVALID');
});

logits('by model: the bundled one’s calibration, a folder’s graph, the caller’s own, or none', async () => {
  const bundled = await logitsOf('bundled');
  assert.ok(bundled.scale > 21.2 && bundled.scale < 21.3 && bundled.bias < 0);
  assert.match((await logitsOf(fixture('tiny-siglip2'))).source, /model\.onnx$/);
  const files = {
    visionModel: fixture('tiny-siglip/onnx/vision_model.onnx'),
    preprocessorConfig: fixture('tiny-siglip/preprocessor_config.json'),
  };
  const own = await logitsOf({ ...files, logits: { scale: 3, bias: 1 } });
  assert.equal([own.scale, own.bias], [3, 1]);
  await refused(logitsOf(files), 'ZERO_SHOT_UNSUPPORTED', /logits/);
  await refused(logitsOf(fixture('tiny-siglip')), 'ZERO_SHOT_UNSUPPORTED', /onnx\/model\.onnx/);
});

logits.after(() => hasher.close());
logits.run();
