// ONNX files: what is read is written back as it was, damage is told, data may lie outside, memory is bounded.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionError } from '../dist/esm/errors.js';
import { encodeModel } from '../dist/esm/optimize/onnx/encode.js';
import { makeNode } from '../dist/esm/optimize/onnx/attributes.js';
import { OnnxModel, tensorsOf } from '../dist/esm/optimize/onnx/model.js';
import {
  DataLocation,
  DataType,
  ModelProtoSchema,
  create,
  toBinary,
} from '../dist/esm/optimize/onnx/proto.js';
import { parseModel, readModel } from '../dist/esm/optimize/onnx/read.js';
import { makeTensor, tensorValues } from '../dist/esm/optimize/onnx/tensor.js';
import { writeModel } from '../dist/esm/optimize/onnx/write.js';
import { randomWeights } from '../bench/models/random-weights.js';
import { visionTower } from '../bench/models/towers.js';
import { refused, sameBits } from './helpers/assertions.js';
import { ROOT, fixture } from './helpers/fixtures.js';

const FILES = [
  fixture('tiny-siglip/onnx/vision_model.onnx'),
  fixture('tiny-siglip/onnx/text_model.onnx'),
  fixture('tiny-siglip2/onnx/vision_model.onnx'),
  fixture('tiny-siglip2/onnx/vision_model_dynamo.onnx'),
  fixture('tiny-siglip2/onnx/text_model_dynamo.onnx'),
  fixture('tiny-siglip2/onnx/vision_model_quantized.onnx'),
  join(ROOT, 'models', 'bundled', 'vision_model.onnx'),
  join(ROOT, 'models', 'bundled', 'text_model.onnx'),
];
const SMALL = { hidden: 16, layers: 1, heads: 2, mlp: 24, image: 16, patch: 8 };
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-onnx-'));

function smallModel(): OnnxModel {
  return visionTower(SMALL, randomWeights(1));
}

function bytesOf(model: OnnxModel): Buffer {
  return Buffer.concat(encodeModel(model).model.map((piece) => piece.bytes()));
}

async function pooled(path: string): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const pixels = Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => Math.sin(i));
  const { pooler_output: output } = await session.run({
    pixel_values: new Tensor('float32', pixels, [1, 3, 16, 16]),
  });
  await session.release();
  return output?.data as Float32Array;
}

// What may come of damaged bytes: the error, or a model whose every tensor can be asked for.
function look(bytes: Uint8Array): void {
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof VisionError)) throw error;
      assert.ok(error.code === 'MODEL_INVALID' || error.code === 'MODEL_NOT_FOUND', error.code);
    }
  };
  guarded(() => {
    const model = parseModel(bytes, join(folder, 'damaged.onnx'));
    for (const tensor of tensorsOf(model.graph)) guarded(() => void tensorValues(model, tensor));
    guarded(() => void bytesOf(model));
  });
}

const files = suite('ONNX files');

files('every file is written back byte for byte', async () => {
  const copy = join(folder, 'copy.onnx');
  for (const path of FILES) {
    await writeModel(await readModel(path), copy);
    assert.ok(readFileSync(path).equals(readFileSync(copy)), path);
  }
});

files('fields that the schema does not know are kept', () => {
  // Field 1000 of the model and of its graph: varint 42, twice.
  const unknown = [0xc0, 0x3e, 42];
  const bytes = bytesOf(smallModel());
  const model = parseModel(Buffer.concat([bytes, Buffer.from(unknown)]), 'model.onnx');
  assert.is(model.proto.$unknown?.length, 1);
  model.graph.$unknown = model.proto.$unknown;
  const again = parseModel(bytesOf(model), 'model.onnx');
  assert.is(again.proto.$unknown?.[0]?.no, 1000);
  assert.is(again.graph.$unknown?.[0]?.no, 1000);
});

files('tensors are views of the bytes that were read', () => {
  const bytes = bytesOf(smallModel());
  const model = parseModel(bytes, 'model.onnx');
  for (const tensor of model.graph.initializer) assert.is(tensor.rawData.buffer, bytes.buffer, tensor.name);
});

files(
  'data outside: written aligned, read when asked for, brought back in; ONNX Runtime agrees',
  async () => {
    const model = smallModel();
    const inside = join(folder, 'inside.onnx');
    const outside = join(folder, 'outside.onnx');
    const back = join(folder, 'back.onnx');
    await writeModel(model, inside);
    await writeModel(model, outside, { externalData: true });
    assert.ok(statSync(outside).size < statSync(inside).size);
    const read = await readModel(outside);
    const moved = read.graph.initializer.filter(({ dataLocation }) => dataLocation === DataLocation.EXTERNAL);
    assert.ok(
      moved.length > 5 && moved.length < read.graph.initializer.length,
      `${moved.length} tensors outside`,
    );
    for (const tensor of moved) {
      assert.is(tensor.rawData.length, 0);
      const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
      assert.is(entries.get('location'), 'outside.onnx_data');
      assert.is(Number(entries.get('offset')) % 4096, 0);
    }
    read.graph.initializer.forEach((tensor, i) =>
      assert.equal(tensorValues(read, tensor), tensorValues(model, model.graph.initializer[i]!), tensor.name),
    );
    await writeModel(read, back);
    assert.ok(readFileSync(inside).equals(readFileSync(back)));
    const again = join(folder, 'again.onnx');
    await writeModel(read, again, { externalData: true });
    assert.ok(readFileSync(`${outside}_data`).equals(readFileSync(`${again}_data`)));
    sameBits(await pooled(outside), await pooled(inside), 'outside');
    sameBits(await pooled(back), await pooled(inside), 'back');
    await refused(writeModel(read, outside, { externalData: true }), 'INVALID_ARGUMENT', /outside\.onnx/);
  },
);

files('data outside that is cut or missing: told when the model is read', async () => {
  const path = join(folder, 'cut.onnx');
  await writeModel(smallModel(), path, { externalData: true });
  truncateSync(`${path}_data`, statSync(`${path}_data`).size - 1);
  await refused(readModel(path), 'MODEL_INVALID', /cut\.onnx: .*cut\.onnx_data/);
  rmSync(`${path}_data`);
  await refused(readModel(path), 'MODEL_NOT_FOUND', /cut\.onnx_data/);
});

files('data outside must lie in the folder of the model', async () => {
  for (const location of ['../secret', '/etc/hostname', '', 'a/../../b', 'a\0b']) {
    const model = smallModel();
    const [tensor] = model.graph.initializer;
    assert.ok(tensor);
    tensor.dataLocation = DataLocation.EXTERNAL;
    tensor.externalData = makeEntries({ location, offset: '0', length: '4' });
    const encoded = toBinary(ModelProtoSchema, model.proto);
    await refused(() => parseModel(encoded, join(folder, 'model.onnx')), 'MODEL_INVALID', /folder/);
  }
});

files('a file that is missing, empty, text, or another message', async () => {
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  await refused(readModel(join(folder, 'nothing.onnx')), 'MODEL_NOT_FOUND', /nothing\.onnx/);
  await refused(readModel(folder), 'MODEL_NOT_FOUND');
  await refused(readModel(write('empty.onnx', '')), 'MODEL_INVALID', /empty\.onnx/);
  await refused(readModel(write('text.onnx', 'version https://git-lfs')), 'MODEL_INVALID', /text\.onnx/);
  const whole = readFileSync(FILES[0]!);
  await refused(readModel(write('half.onnx', whole.subarray(0, whole.length / 2))), 'MODEL_INVALID', /half/);
});

files('a damaged file never does more than fail: any truncation', () => {
  const bytes = bytesOf(smallModel());
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => look(bytes.subarray(0, length))),
    { numRuns: 500 },
  );
});

files('a damaged file never does more than fail: any bits', () => {
  const bytes = bytesOf(smallModel());
  // Most bytes are weights, which may be anything: half of the flips go to the messages around them.
  const dense = bytesOf(withoutPayloads(smallModel()));
  const place = (max: number) =>
    fc.tuple(fc.integer({ min: 0, max: max - 1 }), fc.integer({ min: 0, max: 7 }));
  for (const original of [bytes, dense]) {
    fc.assert(
      fc.property(fc.array(place(original.length), { minLength: 1, maxLength: 8 }), (flips) => {
        const damaged = Buffer.from(original);
        for (const [at, bit] of flips) damaged[at] = (damaged[at] as number) ^ (1 << bit);
        look(damaged);
      }),
      { numRuns: 1000 },
    );
  }
});

files('graphs in graphs without end: MODEL_INVALID, not a crash', async () => {
  const inside = (tag: number, content: Buffer) => {
    const length: number[] = [];
    for (let rest = content.length; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
    length.push(content.length >>> (7 * length.length));
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
  };
  let graph: Buffer = Buffer.alloc(0);
  // graph { node { attribute { g { node { ...
  for (let depth = 0; depth < 10_000; depth++) graph = inside(0x0a, inside(0x2a, inside(0x32, graph)));
  await refused(() => parseModel(inside(0x3a, graph), 'deep.onnx'), 'MODEL_INVALID', /damaged/);
});

files('a model that is too large for one file is refused before anything is written', async () => {
  const path = join(folder, 'huge.onnx');
  const values = new Float32Array(2 ** 27);
  const model = new OnnxModel(
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: 17n }] }),
  );
  model.graph.node.push(makeNode('Identity', { inputs: ['w0'], outputs: ['y'] }));
  for (let i = 0; i < 4; i++)
    model.graph.initializer.push(makeTensor(`w${i}`, DataType.FLOAT, [values.length], values));
  await refused(writeModel(model, path), 'INVALID_ARGUMENT', /external data/);
  assert.not(existsSync(path));
  assert.is(encodeModel(model, { location: 'x', minBytes: 1024 }).data.length, 4);
});

files('what cannot be written leaves nothing behind', async () => {
  const before = readdirSync(folder);
  const target = join(folder, 'no-such-folder', 'model.onnx');
  await writeModel(smallModel(), target).then(
    () => assert.unreachable(),
    (error: unknown) => assert.match(String(error), /ENOENT/),
  );
  assert.equal(readdirSync(folder), before);
});

files('400 MB are read and written with less than twice that in memory', () => {
  const path = join(folder, 'large.onnx');
  const run = (task: string) => {
    const child = join(ROOT, 'test', 'helpers', 'onnx-memory-child.ts');
    const output = execFileSync(process.execPath, ['--import', 'tsx', child, path, task], {
      encoding: 'utf8',
    });
    return (JSON.parse(output) as { maxBytes: number }).maxBytes;
  };
  run('make');
  const { size } = statSync(path);
  assert.ok(size > 400e6);
  for (const task of ['copy', 'copy-external']) {
    const peak = run(task);
    assert.ok(peak < 2 * size, `${task}: ${(peak / size).toFixed(2)} times the file`);
  }
});

files.after(() => rmSync(folder, { recursive: true }));
files.run();

function makeEntries(entries: Record<string, string>) {
  const { graph } = create(ModelProtoSchema, {
    graph: {
      initializer: [{ externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) }],
    },
  });
  return graph?.initializer[0]?.externalData ?? [];
}

function withoutPayloads(model: OnnxModel): OnnxModel {
  for (const tensor of model.graph.initializer) tensor.rawData = new Uint8Array();
  return model;
}
