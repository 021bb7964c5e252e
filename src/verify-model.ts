// Holds a model's files against values that somebody else published for it: hashes, token ids, logits.
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VisionError, messageOf } from './errors.js';
import { readTextTower } from './inference/text-settings.js';
import { TextEncoder } from './inference/tokenizer.js';
import { loadModel, type LoadedModel } from './models/load-model.js';
import { readLogits } from './models/logits.js';
import { modelsDirectory, type ReferenceValues } from './models/manifest.js';
import { resolveFetchOptions, type FetchOptions, type ModelRequest } from './models/model-options.js';
import { readJson } from './models/read-json.js';
import { Hasher } from './pool/hasher.js';
import { SemanticVision } from './semantic-vision.js';

/** One comparison. */
export interface VerificationCheck {
  /** What was compared. */
  name: string;
  expected: string;
  actual: string;
  /** Absolute; undefined where things are equal or not. */
  difference: number | undefined;
  /** The most that counts as right; undefined where the difference is only reported, as for quantised weights. */
  tolerance: number | undefined;
  ok: boolean;
}

/** All comparisons of a model. */
export interface VerificationReport {
  id: string;
  revision: string;
  dtype: string;
  /** Whether every check is. */
  ok: boolean;
  checks: VerificationCheck[];
}

/** Options of {@link verifyModel}. */
export interface VerifyOptions extends FetchOptions {
  /** A JSON file with reference values, in the form of the manifest's `reference`. Default: the manifest's own. */
  reference?: string | undefined;
}

// Published values were computed with these.
const EXACT_DTYPES = ['fp32', 'fp16'];
// They are published with as few as five digits.
const SCALE_TOLERANCE = 2e-3;
const DOWNLOAD_TIMEOUT_MS = 30_000;

/**
 * Fetches a model if need be, hashes its files anew, and compares what it answers with published values.
 * @param model - a name in the manifest, a hub id or a folder
 * @param options - where it may come from; `reference`
 * @returns every comparison
 * @throws what {@link SemanticVision.create} and {@link SemanticVision.embedImage} throw; a difference is no error
 */
export async function verifyModel(model: string, options: VerifyOptions = {}): Promise<VerificationReport> {
  const { reference: referencePath, ...rest } = options;
  const request = resolveFetchOptions(model, rest);
  const hasher = new Hasher();
  try {
    const loaded = await loadModel(request, hasher);
    const { found } = loaded;
    const reference = await readReference(loaded, referencePath);
    const checks = [
      ...(await checkFiles(loaded, hasher)),
      ...(await checkScale(loaded, request)),
      ...(await checkTokens(loaded, reference.values)),
      ...(await checkLogits(loaded, reference, request)),
    ];
    const { id, revision, dtype } = found;
    return { id, revision, dtype, ok: checks.every(({ ok }) => ok), checks };
  } finally {
    await hasher.close();
  }
}

interface Reference {
  values: ReferenceValues;
  /** What relative image paths are relative to. */
  base: string;
}

async function readReference({ found }: LoadedModel, path: string | undefined): Promise<Reference> {
  if (path !== undefined) {
    return { values: (await readJson(resolve(path))) as ReferenceValues, base: dirname(resolve(path)) };
  }
  const values = found.entry?.source === 'hub' ? found.entry.reference : undefined;
  return { values: values ?? {}, base: modelsDirectory() };
}

async function checkFiles({ found }: LoadedModel, hasher: Hasher): Promise<VerificationCheck[]> {
  const { vision, text, preprocessor, config } = found;
  const files = [
    vision,
    ...vision.data,
    ...(text ? [text.graph, ...text.graph.data, text.tokenizer, text.tokenizerConfig] : []),
    preprocessor,
    ...(config ? [config] : []),
  ];
  const checks: VerificationCheck[] = [];
  for (const { name, path, sha256 } of files) {
    if (sha256 === undefined) continue; // a folder of the user's: nobody says what should be in it
    const reply = await hasher.file(path);
    const actual = reply.ok ? reply.sha256 : reply.message;
    checks.push(same(`SHA-256 of ${name}`, sha256, actual));
  }
  return checks;
}

// What others say the two numbers are, against those of the checkpoint.
async function checkScale({ found }: LoadedModel, request: ModelRequest): Promise<VerificationCheck[]> {
  const published = found.entry?.source === 'hub' ? found.entry.publishedLogits : undefined;
  if (published === undefined) return [];
  const logits = await readLogits(found, request);
  return (['scale', 'bias'] as const).map((name) =>
    close(`${name} of the logits`, published[name], logits[name], SCALE_TOLERANCE),
  );
}

async function checkTokens(
  { text }: LoadedModel,
  { tokens = [] }: ReferenceValues,
): Promise<VerificationCheck[]> {
  if (text === undefined || tokens.length === 0) return [];
  const tower = await readTextTower(text);
  const encoder = new TextEncoder(tower);
  return tokens.map((reference) => {
    const ids = encoder.encode(reference.text);
    const padding = ids.slice(reference.ids.length);
    const shown = padding.every((id) => id === tower.padId) ? ids.slice(0, reference.ids.length) : ids;
    return same(`token ids of "${reference.text}"`, reference.ids.join(' '), shown.join(' '));
  });
}

async function checkLogits(
  { found }: LoadedModel,
  { values: { logits = [] }, base }: Reference,
  request: ModelRequest,
): Promise<VerificationCheck[]> {
  if (logits.length === 0) return [];
  const { scale, bias } = await readLogits(found, request);
  await using vision = await SemanticVision.create({ ...request, workers: 1 });
  const exact = EXACT_DTYPES.includes(found.dtype);
  const checks: VerificationCheck[] = [];
  for (const reference of logits) {
    const image = await vision.embedImage(await readImage(reference.image, base, request));
    const texts = await vision.embedTexts(reference.texts);
    for (const [i, text] of texts.entries()) {
      const expected = reference.values[i] as number;
      const actual = scale * vision.similarity(image, text) + bias;
      const name = `logit of "${text.text}" for ${reference.image}`;
      checks.push(close(name, expected, actual, exact ? reference.tolerance : undefined));
    }
  }
  return checks;
}

async function readImage(image: string, base: string, request: ModelRequest): Promise<URL | ArrayBuffer> {
  if (!/^https?:/.test(image)) return pathToFileURL(resolve(base, image));
  if (request.localFilesOnly === true) {
    throw new VisionError(
      'MODEL_NOT_CACHED',
      `The reference image ${image} must be fetched: allow the network.`,
    );
  }
  try {
    const timeout = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
    const response = await fetch(image, { signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await response.arrayBuffer();
  } catch (cause) {
    throw new VisionError(
      'HUB_UNREACHABLE',
      `The reference image ${image} cannot be fetched: ${messageOf(cause)}.`,
      { cause },
    );
  }
}

function close(
  name: string,
  expected: number,
  actual: number,
  tolerance: number | undefined,
): VerificationCheck {
  const difference = Math.abs(actual - expected);
  const ok = tolerance === undefined || difference <= tolerance;
  return { name, expected: expected.toFixed(4), actual: actual.toFixed(4), difference, tolerance, ok };
}

function same(name: string, expected: string, actual: string): VerificationCheck {
  return { name, expected, actual, difference: undefined, tolerance: undefined, ok: expected === actual };
}
