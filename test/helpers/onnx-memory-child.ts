// A process of its own that writes a large ONNX file, or reads it, looks at every weight and writes it again, and
// prints what it needed: the argument is the file, the second one what to do.
import { create, DataType, ModelProtoSchema } from '../../dist/esm/optimize/onnx/proto.js';
import { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { makeNode } from '../../dist/esm/optimize/onnx/attributes.js';
import { readModel } from '../../dist/esm/optimize/onnx/read.js';
import { floatValues, makeTensor } from '../../dist/esm/optimize/onnx/tensor.js';
import { writeModel } from '../../dist/esm/optimize/onnx/write.js';

const TENSORS = 20;
const ELEMENTS = 5_000_000;

const [path, task] = process.argv.slice(2) as [string, 'make' | 'copy' | 'copy-external'];
if (task === 'make') {
  const values = new Float32Array(ELEMENTS).fill(0.5);
  const model = new OnnxModel(
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: 17n }] }),
  );
  model.graph.node.push(makeNode('Identity', { inputs: ['w0'], outputs: ['y'] }));
  for (let i = 0; i < TENSORS; i++)
    model.graph.initializer.push(makeTensor(`w${i}`, DataType.FLOAT, [ELEMENTS], values));
  await writeModel(model, path);
} else {
  const model = await readModel(path);
  let sum = 0;
  for (const tensor of model.graph.initializer) sum += floatValues(model, tensor)[ELEMENTS - 1] as number;
  if (sum !== TENSORS / 2) throw new Error(`the weights sum up to ${sum}`);
  await writeModel(model, `${path}.copy`, { externalData: task === 'copy-external' });
}
process.stdout.write(JSON.stringify({ maxBytes: process.resourceUsage().maxRSS * 1024 }));
