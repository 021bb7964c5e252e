// Finds a model's files in the hub's cache, fetching what is missing: the small ones first, since they say what else is needed.
import { throwIfAborted } from '../abort.js';
import { VisionError } from '../errors.js';
import { isKnownFamily } from '../inference/text-settings.js';
import type { Digests } from './digests.js';
import { graphFile, type FileDtype } from './dtype.js';
import type { FoundModel, GraphFile, ModelFile } from './found.js';
import { FileMissing } from './hub/answers.js';
import type { HubFile } from './hub/cached-files.js';
import { hubSettings, type HubSettings } from './hub/settings.js';
import { HubSession, isOutage, type HubSnapshot } from './hub/snapshot.js';
import { TIMING, type Timing } from './hub/timing.js';
import type { FileRequest } from './model-options.js';
import { readJson } from './read-json.js';
import type { ModelSource } from './source.js';

const PREPROCESSOR = 'preprocessor_config.json';
const CONFIG = 'config.json';
const TOKENIZER = 'tokenizer.json';
const TOKENIZER_CONFIG = 'tokenizer_config.json';

type HubSource = Extract<ModelSource, { kind: 'hub' }>;

/**
 * Fetches what is not in the cache yet.
 * @param source - repository and revision
 * @param request - dtype, cache, and whether texts are wanted
 * @param digests - hold files against their names
 * @param timing - patience; for tests
 * @returns the files
 * @throws `INVALID_OPTION`, `MODEL_NOT_FOUND`, `MODEL_NOT_CACHED`, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`,
 * `DOWNLOAD_CORRUPT`, `DISK_FULL`, `CACHE_UNUSABLE`, `MODEL_INVALID`, `ABORTED`
 */
export async function findOnHub(
  source: HubSource,
  request: FileRequest,
  digests: Digests,
  timing: Timing = TIMING,
): Promise<FoundModel> {
  const { cacheDir, localFilesOnly, signal, onProgress } = request;
  const settings = hubSettings({ cacheDir, localFilesOnly });
  const find = async (from: HubSettings, lenient: boolean): Promise<FoundModel> => {
    const { repo, revision } = source;
    const session = new HubSession({ repo, revision, settings: from, digests, signal, onProgress }, timing);
    const found = await findIn(session, source, request, lenient);
    await session.remember();
    return found;
  };
  try {
    return await find(settings, settings.offline);
  } catch (error) {
    if (settings.offline || !isOutage(error)) throw error;
    // An update that broke off between the files has left the older commit as it was: better than nothing, if it is whole.
    return await find({ ...settings, offline: true }, false).catch(() => {
      throwIfAborted(signal);
      throw error;
    });
  }
}

// Lenient: a cache that Python filled does not say what the hub lacks, and offline nobody can be asked.
async function findIn(
  session: HubSession,
  source: HubSource,
  request: FileRequest,
  lenient: boolean,
): Promise<FoundModel> {
  const dtype = request.dtype ?? 'fp32';
  const config: HubFile = { path: CONFIG, optional: true, assumeAbsent: lenient && !request.text };
  const small = await session.get([{ path: PREPROCESSOR }, config], true);
  // A text tower of a family whose texts cannot be prepared as its training did is not worth its download.
  const known = await isKnown(small);
  const graph = (stem: string, needed: Omit<HubFile, 'path'>): HubFile[] => {
    const path = graphPath(stem, dtype);
    // The data first: whoever finds the graph has all of it.
    return [
      { path: `${path}_data`, optional: true, assumeAbsent: lenient, series: true },
      { path, ...needed },
    ];
  };
  const get = (files: HubFile[]) => session.get(files).catch(explain(source.repo, small.commit, dtype));
  const large = await get([
    ...graph('vision_model', known ? {} : { optional: true, assumeAbsent: lenient }),
    ...(known && request.text
      ? [
          { path: TOKENIZER, optional: true },
          { path: TOKENIZER_CONFIG, optional: true },
          ...graph('text_model', { optional: true }),
        ]
      : []),
  ]);
  // A model of one tower has one graph. In a known family, with two, that graph is both of them and no stand-in.
  const vision =
    graphIn(large, 'vision_model', dtype) ?? graphIn(await get(graph('model', {})), 'model', dtype);
  const text = graphIn(large, 'text_model', dtype);
  const [tokenizer, tokenizerConfig] = [fileIn(large, TOKENIZER), fileIn(large, TOKENIZER_CONFIG)];
  return {
    id: source.id,
    revision: small.commit,
    dtype,
    entry: source.entry,
    vision: vision as GraphFile,
    preprocessor: fileIn(small, PREPROCESSOR) as ModelFile,
    config: fileIn(small, CONFIG),
    text: text && tokenizer && tokenizerConfig && { graph: text, tokenizer, tokenizerConfig },
    combined: undefined,
    logits: undefined,
  };
}

async function isKnown(small: HubSnapshot): Promise<boolean> {
  const config = fileIn(small, CONFIG);
  return config !== undefined && isKnownFamily(await readJson(config.path));
}

function explain(repo: string, commit: string, dtype: FileDtype): (error: unknown) => never {
  return (cause) => {
    if (!(cause instanceof FileMissing)) throw cause;
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Expected ${graphPath('vision_model', dtype)} in ${repo} at ${commit} but it is not there: choose another "dtype", or ` +
        'a repository that holds ONNX files (such as those of Xenova and onnx-community).',
      { cause },
    );
  };
}

function graphPath(stem: string, dtype: FileDtype): string {
  return `onnx/${graphFile(stem, dtype)}`;
}

function fileIn(snapshot: HubSnapshot, name: string): ModelFile | undefined {
  const file = snapshot.files.get(name);
  return file && { name, path: file.path, sha256: file.sha256 };
}

function graphIn(snapshot: HubSnapshot, stem: string, dtype: FileDtype): GraphFile | undefined {
  const path = graphPath(stem, dtype);
  const graph = fileIn(snapshot, path);
  // In the order of a folder's, so that the fingerprint is the same.
  const names = [...snapshot.files.keys()].filter((name) => name.startsWith(`${path}_data`)).sort();
  return graph && { ...graph, data: names.map((name) => fileIn(snapshot, name) as ModelFile) };
}
