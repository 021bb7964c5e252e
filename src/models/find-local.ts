// Finds a model's files on disk: in the package, in a folder in the hub's layout, or where the caller says.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VisionError, messageOf } from '../errors.js';
import { flagFor } from '../node-flags.js';
import { absolutePath } from '../working-folder.js';
import type { Digests } from './digests.js';
import { FILE_DTYPES, graphFile, type FileDtype } from './dtype.js';
import {
  PREPROCESSOR,
  PROCESSOR,
  type FoundModel,
  type GraphFile,
  type ModelFile,
  type TextTowerFiles,
} from './found.js';
import { modelsDirectory, type BundledModel, type ManifestFile } from './manifest.js';
import type { FileRequest } from './model-options.js';
import type { ModelFiles, ModelSource } from './source.js';

const TEXT_CONFIGS = ['tokenizer.json', 'tokenizer_config.json'] as const;
const BUNDLED_GRAPHS = { vision: 'vision_model.onnx', text: 'text_model.onnx' };

/**
 * The bundled model, each file verified.
 * @param entry - what the manifest says
 * @param request - dtype, and whether texts are wanted
 * @param digests - read the files
 * @returns its files
 * @throws `MODEL_NOT_FOUND`, `MODEL_INVALID`
 */
export async function findBundled(
  entry: BundledModel,
  request: FileRequest,
  digests: Digests,
): Promise<FoundModel> {
  if (request.dtype !== undefined && request.dtype !== entry.dtype) {
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Expected dtype "${entry.dtype}" for the model "${entry.id}", which has no other, but received "${request.dtype}".`,
    );
  }
  const directory = join(modelsDirectory(), entry.directory);
  await Promise.all(entry.files.map((file) => verify(join(directory, file.path), file, digests)));
  const file = (name: string): ModelFile => ({
    name,
    path: join(directory, name),
    sha256: entry.files.find(({ path }) => path === name)?.sha256,
  });
  const text = {
    graph: { ...file(BUNDLED_GRAPHS.text), data: [] },
    tokenizer: file(TEXT_CONFIGS[0]),
    tokenizerConfig: file(TEXT_CONFIGS[1]),
  };
  return {
    id: entry.id,
    revision: entry.revision,
    dtype: entry.dtype,
    entry,
    vision: { ...file(BUNDLED_GRAPHS.vision), data: [] },
    preprocessor: file(PREPROCESSOR),
    config: file('config.json'),
    text: request.text ? text : undefined,
    combined: undefined,
    logits: undefined,
  };
}

async function verify(path: string, expected: ManifestFile, digests: Digests): Promise<void> {
  // An installation is checked, not believed; its graphs have 15 MB.
  const reply = await digests.read(path);
  if (!reply.ok) {
    throw new VisionError('MODEL_NOT_FOUND', `The model file ${path} cannot be read: ${reply.message}.`);
  }
  if (reply.sha256 !== expected.sha256) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected ${expected.size} bytes with SHA-256 ${expected.sha256} in ${path} but found ${reply.size} bytes with ` +
        `${reply.sha256}. The file is damaged: reinstall the package.`,
    );
  }
}

/**
 * A folder in the hub's layout, with the graphs in `onnx/` or beside the configuration.
 * @param source - the folder
 * @param request - dtype, and whether texts are wanted
 * @returns its files
 * @throws `MODEL_NOT_FOUND` naming what is missing
 */
export async function findInFolder(
  source: Extract<ModelSource, { kind: 'folder' }>,
  request: FileRequest,
): Promise<FoundModel> {
  const { directory, id } = source;
  const dtype = request.dtype ?? 'fp32';
  const vision =
    (await findGraph(directory, graphFile('vision_model', dtype))) ??
    // A model of one tower has one graph.
    (await findGraph(directory, graphFile('model', dtype)));
  if (vision === undefined) throw await noVisionModel(directory, dtype);
  return {
    id,
    revision: 'local',
    dtype,
    entry: undefined,
    vision,
    preprocessor: await findPreprocessor(directory),
    config: await findFile(directory, 'config.json'),
    text: request.text ? await findText(directory, dtype) : undefined,
    combined: await findGraph(directory, graphFile('model', 'fp32')),
    logits: undefined,
  };
}

async function findPreprocessor(directory: string): Promise<ModelFile> {
  const found = (await findFile(directory, PREPROCESSOR)) ?? (await findFile(directory, PROCESSOR));
  if (found !== undefined) return found;
  throw new VisionError(
    'MODEL_NOT_FOUND',
    `Expected ${PREPROCESSOR} or ${PROCESSOR} in ${directory} but neither is there: copy it from where the model comes ` +
      'from.',
  );
}

async function findText(directory: string, dtype: FileDtype): Promise<TextTowerFiles | undefined> {
  const graph = await findGraph(directory, graphFile('text_model', dtype));
  const [tokenizer, tokenizerConfig] = await Promise.all(TEXT_CONFIGS.map((name) => findFile(directory, name)));
  if (graph === undefined || tokenizer === undefined || tokenizerConfig === undefined) return undefined;
  return { graph, tokenizer, tokenizerConfig };
}

async function noVisionModel(directory: string, dtype: FileDtype): Promise<VisionError> {
  const present: string[] = [];
  for (const each of FILE_DTYPES) {
    const names = [graphFile('vision_model', each), graphFile('model', each)];
    const graphs = await Promise.all(names.map((name) => findGraph(directory, name)));
    if (graphs.some((graph) => graph !== undefined)) present.push(each);
  }
  const [vision, whole] = [graphFile('vision_model', dtype), graphFile('model', dtype)];
  const others = present.length > 0 ? ` There are other precisions: set "dtype" to ${present.join(' or ')}.` : '';
  return new VisionError(
    'MODEL_NOT_FOUND',
    `Expected onnx/${vision}, ${vision}, onnx/${whole} or ${whole} in ${directory} but none of them is there.${others}`,
  );
}

/**
 * Files that the caller names.
 * @param files - their paths
 * @param request - dtype, and whether texts are wanted
 * @returns the files
 * @throws `MODEL_NOT_FOUND`, `INVALID_OPTION` when the text tower's are incomplete
 */
export async function findFiles(files: ModelFiles, request: FileRequest): Promise<FoundModel> {
  const absolute = (path: string) => absolutePath(path, 'a model file', 'MODEL_NOT_FOUND');
  const named = (path: string): ModelFile => file(dirname(absolute(path)), basename(path));
  const graph = async (path: string): Promise<GraphFile> => {
    const found = await findGraph(dirname(absolute(path)), basename(path));
    if (found === undefined) {
      throw new VisionError('MODEL_NOT_FOUND', `Expected a model file but nothing is at ${absolute(path)}.`);
    }
    return found;
  };
  const { textModel, tokenizer, tokenizerConfig, config } = files;
  let text: TextTowerFiles | undefined;
  if (request.text && textModel !== undefined) {
    if (tokenizer === undefined || tokenizerConfig === undefined || config === undefined) {
      throw new VisionError(
        'INVALID_OPTION',
        'Expected "tokenizer", "tokenizerConfig" and "config" beside "textModel" in option "model": a text tower is ' +
          'of no use without them.',
      );
    }
    text = {
      graph: await graph(textModel),
      tokenizer: named(tokenizer),
      tokenizerConfig: named(tokenizerConfig),
    };
  }
  return {
    id: files.visionModel,
    revision: 'local',
    dtype: request.dtype ?? 'fp32',
    entry: undefined,
    vision: await graph(files.visionModel),
    preprocessor: named(files.preprocessorConfig),
    config: config === undefined ? undefined : named(config),
    text,
    combined: undefined,
    logits: files.logits,
  };
}

function file(directory: string, name: string): ModelFile {
  return { name, path: join(directory, name), sha256: undefined };
}

async function findFile(directory: string, name: string): Promise<ModelFile | undefined> {
  const path = join(directory, name);
  const found = await stat(path).catch(unlessForbidden(path, undefined));
  return found?.isFile() ? file(directory, name) : undefined;
}

// What Node's permission model hides is not missing.
function unlessForbidden<T>(path: string, otherwise: T): (cause: unknown) => T {
  return (cause) => {
    if (flagFor(cause) === undefined) return otherwise;
    throw new VisionError('MODEL_NOT_FOUND', `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  };
}

// Larger tensors lie in files of their own beside the graph, by custom called after it: model.onnx_data, model.onnx.data, and
// both with _1, _2 and so on. Their true names are in the graph, too large a file to be parsed for them; ONNX Runtime finds
// others as well, but nothing here does, the fingerprint included.
async function findGraph(directory: string, name: string): Promise<GraphFile | undefined> {
  const graph = (await findFile(directory, `onnx/${name}`)) ?? (await findFile(directory, name));
  if (graph === undefined) return undefined;
  const siblings = await readdir(dirname(graph.path)).catch(unlessForbidden(dirname(graph.path), []));
  const data = siblings
    .filter((each) => each.startsWith(name) && /^[._]data(_\d+)?$/.test(each.slice(name.length)))
    .sort()
    .map((each) => file(directory, join(dirname(graph.name), each)));
  return { ...graph, data };
}
