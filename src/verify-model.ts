// Holds a model's files against values that somebody else published for it: hashes, token ids, logits.
import { readlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readTextTower } from './inference/text-settings.js';
import { TextEncoder } from './inference/tokenizer.js';
import { isQuantised, type Dtype } from './models/dtype.js';
import { digestsFor, type Digests } from './models/digests.js';
import { localSettings } from './models/hub/settings.js';
import { filesOf } from './models/found.js';
import { loadModel, type LoadedModel } from './models/load-model.js';
import { readLogits } from './models/logits.js';
import { modelsDirectory, type ReferenceValues } from './models/manifest.js';
import { resolveFetchOptions, type FetchOptions, type ModelRequest } from './models/model-options.js';
import { readReferenceFile } from './models/reference.js';
import { readReferenceImage } from './models/reference-image.js';
import { Hasher } from './pool/hasher.js';
import { SemanticVision } from './semantic-vision.js';
import { absolutePath } from './working-folder.js';

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

// They are published with as few as five digits.
const SCALE_TOLERANCE = 2e-3;
const GIT_HASH_LENGTH = 40;

/**
 * Fetches a model if need be, hashes its files, and compares what it answers with published values. A file that is damaged
 * before that is no difference but an error, as everywhere.
 * @param model - a name in the manifest, a hub id or a folder
 * @param options - where it may come from; `reference`
 * @returns every comparison
 * @throws `INVALID_ARGUMENT` for a reference that is none; what {@link SemanticVision.create} and
 * {@link SemanticVision.embedImage} throw; a difference is no error
 */
export async function verifyModel(model: string, options: VerifyOptions = {}): Promise<VerificationReport> {
  const { reference: referencePath, ...rest } = options;
  const request = resolveFetchOptions(model, rest);
  const hasher = new Hasher();
  const digests = digestsFor(hasher, request, { believe: false });
  try {
    const given = referencePath === undefined ? undefined : await readReference(referencePath);
    const loaded = await loadModel(request, digests);
    const { found } = loaded;
    const reference = given ?? publishedReference(loaded);
    const checks = [
      ...(await checkFiles(loaded, digests)),
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

async function readReference(path: string): Promise<Reference> {
  const file = absolutePath(path, 'the reference file', 'INVALID_OPTION');
  return { values: await readReferenceFile(file), base: dirname(file) };
}

function publishedReference({ found }: LoadedModel): Reference {
  const values = found.entry?.source === 'hub' ? found.entry.reference : undefined;
  return { values: values ?? {}, base: modelsDirectory() };
}

async function checkFiles({ found }: LoadedModel, digests: Digests): Promise<VerificationCheck[]> {
  const checks: VerificationCheck[] = [];
  for (const { name, path, sha256 } of filesOf(found)) {
    if (sha256 === undefined) continue; // a folder of the user's: nobody says what should be in it
    const expected = found.entry?.source === 'bundled' ? sha256 : await blobName(path);
    if (expected === undefined) continue;
    const isGit = expected.length === GIT_HASH_LENGTH;
    const reply = await digests.read(path, isGit);
    const actual = reply.ok ? ((isGit ? reply.gitBlob : reply.sha256) ?? '') : reply.message;
    checks.push(same(`${isGit ? 'git SHA-1' : 'SHA-256'} of ${name}`, expected, actual));
  }
  return checks;
}

// What the hub says the content is: the cache calls it by its SHA-256, or small files by git's hash. Not what loading the
// model has just read, which would compare a file with itself.
async function blobName(path: string): Promise<string | undefined> {
  const target = basename(await readlink(path).catch(() => ''));
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(target) ? target : undefined;
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
  const { signal } = request;
  const { scale, bias } = await readLogits(found, request);
  // The files are to be verified, not what is made of them.
  const dtype = found.entry?.source === 'bundled' ? undefined : (found.dtype as Dtype);
  await using vision = await SemanticVision.create({ ...request, dtype, workers: 1 });
  // Published values were computed with exact weights.
  const exact = !isQuantised(found.dtype, found.vision.name);
  const checks: VerificationCheck[] = [];
  for (const reference of logits) {
    const { input, keep } = await readReferenceImage(reference.image, base, localSettings(request), signal);
    const image = await vision.embedImage(input, { signal });
    await keep();
    const texts = await vision.embedTexts(reference.texts, { signal });
    for (const [i, text] of texts.entries()) {
      const expected = reference.values[i] as number;
      const actual = scale * vision.similarity(image, text) + bias;
      const name = `logit of "${text.text}" for ${reference.image}`;
      checks.push(close(name, expected, actual, exact ? reference.tolerance : undefined));
    }
  }
  return checks;
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
