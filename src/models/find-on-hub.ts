// Finds a model's files in the hub's cache, fetching what is missing: the small ones first, since they say what else is needed.
import { throwIfAborted } from '../abort.js';
import { VisionError } from '../errors.js';
import { isKnownFamily } from '../inference/text-settings.js';
import type { Digests } from './digests.js';
import { graphFile, type FileDtype } from './dtype.js';
import { PREPROCESSOR, PROCESSOR, type FoundModel, type GraphFile, type ModelFile } from './found.js';
import type { HubFile } from './hub/cached-files.js';
import { hubSettings, type HubSettings } from './hub/settings.js';
import { HubSession, isOutage, type HubSnapshot } from './hub/snapshot.js';
import { TIMING, type Timing } from './hub/timing.js';
import type { FileRequest } from './model-options.js';
import { readJson } from './read-json.js';
import type { ModelSource } from './source.js';

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
  const small = await session.get(
    [
      { path: PREPROCESSOR, optional: true, assumeAbsent: lenient },
      { path: CONFIG, optional: true, assumeAbsent: lenient && !request.text },
    ],
    true,
  );
  const preprocessor = fileIn(small, PREPROCESSOR) ?? (await findProcessor(session, source.repo, lenient));
  // A text tower of a family whose texts cannot be prepared as its training did is not worth its download.
  const known = await isKnown(small);
  const places = graphPlaces(known ? ['vision_model'] : ['vision_model', 'model'], dtype);
  const place = await session.first(places, lenient);
  if (place === undefined) throw noGraph(places, source.repo, small.commit);
  const textPlace = place.replace(graphFile('vision_model', dtype), graphFile('text_model', dtype));
  const graph = (path: string, needed: Omit<HubFile, 'path'>): HubFile[] => [
    // The data first: whoever finds the graph has all of it.
    { path: `${path}_data`, optional: true, assumeAbsent: lenient, series: true },
    { path, ...needed },
  ];
  const large = await session.get([
    ...graph(place, {}),
    ...(known && request.text
      ? [
          { path: TOKENIZER, optional: true },
          { path: TOKENIZER_CONFIG, optional: true },
          ...graph(textPlace, { optional: true }),
        ]
      : []),
  ]);
  const text = graphIn(large, textPlace);
  const [tokenizer, tokenizerConfig] = [fileIn(large, TOKENIZER), fileIn(large, TOKENIZER_CONFIG)];
  return {
    id: source.id,
    revision: small.commit,
    dtype,
    entry: source.entry,
    vision: graphIn(large, place) as GraphFile,
    preprocessor,
    config: fileIn(small, CONFIG),
    text: text && tokenizer && tokenizerConfig && { graph: text, tokenizer, tokenizerConfig },
    combined: undefined,
    logits: undefined,
  };
}

// Beside the configuration, as some have them, only after the folder that nearly all have. A model of one tower has one
// graph; in a known family, with two, that graph is both of them and no stand-in.
function graphPlaces(stems: readonly string[], dtype: FileDtype): string[] {
  return stems.map((stem) => graphFile(stem, dtype)).flatMap((name) => [`onnx/${name}`, name]);
}

async function findProcessor(session: HubSession, repo: string, lenient: boolean): Promise<ModelFile> {
  const path = await session.first([PREPROCESSOR, PROCESSOR], lenient);
  if (path === undefined) {
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Expected ${PREPROCESSOR} or ${PROCESSOR} in ${repo} but neither is there: choose a repository that says how its ` +
        'images are prepared.',
    );
  }
  return fileIn(await session.get([{ path }], true), path) as ModelFile;
}

async function isKnown(small: HubSnapshot): Promise<boolean> {
  const config = fileIn(small, CONFIG);
  return config !== undefined && isKnownFamily(await readJson(config.path));
}

function noGraph(places: readonly string[], repo: string, commit: string): VisionError {
  return new VisionError(
    'MODEL_NOT_FOUND',
    `Expected ${places.slice(0, -1).join(', ')} or ${String(places.at(-1))} in ${repo} at ${commit} but none of them is ` +
      'there: choose another "dtype", or a repository that holds ONNX files (such as those of Xenova and onnx-community).',
  );
}

function fileIn(snapshot: HubSnapshot, name: string): ModelFile | undefined {
  const file = snapshot.files.get(name);
  return file && { name, path: file.path, sha256: file.sha256 };
}

function graphIn(snapshot: HubSnapshot, path: string): GraphFile | undefined {
  const graph = fileIn(snapshot, path);
  // In the order of a folder's, so that the fingerprint is the same.
  const names = [...snapshot.files.keys()].filter((name) => name.startsWith(`${path}_data`)).sort();
  return graph && { ...graph, data: names.map((name) => fileIn(snapshot, name) as ModelFile) };
}
