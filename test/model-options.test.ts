// The options about the model: files named one by one, and what the functions without a session take.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DTYPES, FILE_DTYPES, fileDtype, graphFile } from '../dist/esm/models/dtype.js';
import { resolveFetchOptions, resolveModelRequest } from '../dist/esm/models/model-options.js';
import { refused } from './helpers/assertions.js';

const files = { visionModel: 'v.onnx', preprocessorConfig: 'p.json' };

const request = suite('resolveModelRequest');

request('files are copied and frozen, deep enough', () => {
  const logits = { scale: 100, bias: -10 };
  const given = { ...files, logits };
  const { model } = resolveModelRequest({ model: given });
  given.visionModel = 'other.onnx';
  logits.scale = 1;
  assert.equal(model, { ...files, logits: { scale: 100, bias: -10 } });
  assert.ok(Object.isFrozen(model));
});

request(
  'a path that is missing or wrong, a name that is unknown, logits that are no numbers: by name',
  async () => {
    const wrong: [object, RegExp][] = [
      [{}, /model\.visionModel/],
      [{ visionModel: 'v.onnx' }, /model\.preprocessorConfig/],
      [{ ...files, visionModel: '' }, /model\.visionModel/],
      [{ ...files, textModel: 1 }, /model\.textModel/],
      [{ ...files, tokeniser: 'x' }, /"model\.tokeniser".*tokenizer/],
      [{ ...files, logits: { scale: 1 } }, /model\.logits/],
      [{ ...files, logits: { scale: NaN, bias: 0 } }, /model\.logits/],
      [{ ...files, logits: null }, /model\.logits/],
    ];
    for (const [model, message] of wrong) {
      await refused(() => resolveModelRequest({ model: model as typeof files }), 'INVALID_OPTION', message);
    }
  },
);

request(
  'every dtype is allowed; every one that is a file has a name of its own, the others are made of fp32',
  () => {
    for (const dtype of DTYPES) assert.is(resolveModelRequest({ dtype }).dtype, dtype);
    assert.is(new Set(FILE_DTYPES.map((dtype) => graphFile('vision_model', dtype))).size, FILE_DTYPES.length);
    assert.equal(
      [undefined, 'int8', 'auto', 'hub-int8', 'q8'].map((dtype) =>
        fileDtype(dtype as (typeof DTYPES)[number]),
      ),
      [undefined, 'fp32', 'fp32', 'hub-int8', 'q8'],
    );
    assert.is(graphFile('vision_model', 'hub-int8'), 'vision_model_int8.onnx');
    assert.is(graphFile('vision_model', 'fp32'), 'vision_model.onnx');
    assert.is(graphFile('text_model', 'q8'), 'text_model_quantized.onnx');
  },
);

request('resolveFetchOptions takes what concerns fetching and nothing else', async () => {
  const { model, dtype } = resolveFetchOptions('google/x', { dtype: 'q8' });
  assert.equal([model, dtype], ['google/x', 'q8']);
  await refused(() => resolveFetchOptions('x', { workers: 1 } as object), 'INVALID_OPTION', /"workers"/);
  await refused(() => resolveFetchOptions('', {}), 'INVALID_OPTION', /model/);
});

request.run();
