// Finds a model's files in the hub's cache, fetching what is missing: the small ones first, since they say what else is needed.
import { VisionError } from '../errors.js';
import { isKnownFamily } from '../inference/text-settings.js';
import type { Hasher } from '../pool/hasher.js';
import { graphFile, type FileDtype } from './dtype.js';
import type { FoundModel, GraphFile, ModelFile } from './found.js';
import { hubSettings } from './hub/settings.js';
import { fetchSnapshot, type HubSnapshot } from './hub/snapshot.js';
import type { FileRequest } from './model-options.js';
import { readJson } from './read-json.js';
import type { ModelSource } from './source.js';

const PREPROCESSOR = 'preprocessor_config.json';
const CONFIG = 'config.json';
const TOKENIZER = 'tokenizer.json';
const TOKENIZER_CONFIG = 'tokenizer_config.json';

/**
 * Fetches what is not in the cache yet.
 * @param source - repository and revision
 * @param request - dtype, cache, and whether texts are wanted
 * @param hasher - verifies what arrives
 * @returns the files
 * @throws `MODEL_NOT_FOUND`, `MODEL_NOT_CACHED`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `DOWNLOAD_CORRUPT`,
 * `DISK_FULL`, `MODEL_INVALID`, `ABORTED`
 */
export async function findOnHub(
  source: Extract<ModelSource, { kind: 'hub' }>,
  request: FileRequest,
  hasher: Hasher,
): Promise<FoundModel> {
  const { repo, entry } = source;
  const { cacheDir, localFilesOnly, signal, onProgress } = request;
  const settings = hubSettings({ cacheDir, localFilesOnly });
  const dtype = request.dtype ?? 'fp32';
  const fetch = (revision: string, files: { path: string; optional?: boolean }[]) =>
    fetchSnapshot({ repo, revision, files, settings, hasher, signal, onProgress });

  const small = await fetch(source.revision, [
    { path: PREPROCESSOR },
    { path: CONFIG, optional: true },
    ...(request.text ? [{ path: TOKENIZER_CONFIG, optional: true }] : []),
  ]);
  // From here on everything comes from one commit, even if the branch moves meanwhile.
  const texts = request.text && (await knowsTexts(small));
  const wanted = (stem: string) => graphPaths(stem, dtype).map((path) => ({ path, optional: true }));
  const large = await fetch(small.commit, [
    ...wanted('vision_model'),
    ...(texts ? [{ path: TOKENIZER, optional: true }, ...wanted('text_model')] : []),
  ]);
  const vision =
    graphIn(large, 'vision_model', dtype) ??
    // A model of one tower has one graph.
    graphIn(await fetch(small.commit, wanted('model')), 'model', dtype);
  if (vision === undefined) {
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Expected ${graphPaths('vision_model', dtype)[0]} in ${repo} at ${small.commit} but it is not there: choose another ` +
        '"dtype", or a repository that holds ONNX files (such as those of Xenova and onnx-community).',
    );
  }
  const graph = graphIn(large, 'text_model', dtype);
  const [tokenizer, tokenizerConfig] = [fileIn(large, TOKENIZER), fileIn(small, TOKENIZER_CONFIG)];
  return {
    id: source.id,
    revision: small.commit,
    dtype,
    entry,
    vision,
    preprocessor: fileIn(small, PREPROCESSOR) as ModelFile,
    config: fileIn(small, CONFIG),
    text: graph && tokenizer && tokenizerConfig && { graph, tokenizer, tokenizerConfig },
    combined: undefined,
    logits: undefined,
  };
}

// A text tower of a family whose texts cannot be prepared as its training did is not worth its download.
async function knowsTexts(small: HubSnapshot): Promise<boolean> {
  const config = fileIn(small, CONFIG);
  return config !== undefined && isKnownFamily(await readJson(config.path));
}

function graphPaths(stem: string, dtype: FileDtype): [string, string] {
  const path = `onnx/${graphFile(stem, dtype)}`;
  return [path, `${path}_data`];
}

function fileIn(snapshot: HubSnapshot, name: string): ModelFile | undefined {
  const file = snapshot.files.get(name);
  return file && { name, path: file.path, sha256: file.sha256 };
}

function graphIn(snapshot: HubSnapshot, stem: string, dtype: FileDtype): GraphFile | undefined {
  const [path, dataPath] = graphPaths(stem, dtype);
  const graph = fileIn(snapshot, path);
  const data = fileIn(snapshot, dataPath);
  return graph && { ...graph, data: data === undefined ? [] : [data] };
}
