// What runs in every worker thread: its own sessions and buffers, one job at a time, answers as plain data.
import { workerData } from 'node:worker_threads';
import { VisionError } from '../errors.js';
import { ONE_GREY_PIXEL, type Pixels } from '../image/pixels.js';
import { Preprocessor } from '../image/preprocess.js';
import { openTower, type OpenTower } from '../inference/open-tower.js';
import { l2Normalize } from '../inference/postprocess.js';
import { imageTensor } from '../inference/session.js';
import { TextEmbedder } from '../inference/text-embedder.js';
import { readTextTower } from '../inference/text-settings.js';
import { isFloat32Array } from '../realm.js';
import type { Decoded } from './decoder-child.js';
import { enterNative } from './exit-gate.js';
import { failureOf } from './failure.js';
import { IsolatedDecoder } from './isolated-decoder.js';
import { holder } from './leases.js';
import { imageBytes, reclaim } from './reclaim.js';
import { requireThreads, threadsOf } from './session-threads.js';
import type {
  Done,
  Embedded,
  Failure,
  ImageJob,
  Job,
  PixelsJob,
  PreparedGraph,
  StageTimes,
  Task,
  TextsEmbedded,
  TextsJob,
  WorkerConfig,
} from './protocol.js';

const NO_WORD_KNOWN =
  'The model knows no word of the text, so it has no embedding. Use plain English nouns with the bundled model, or ' +
  'another model.';

const config = workerData as WorkerConfig;
const preprocessor = new Preprocessor(config.preprocess, config.decode, holder(config.leases));
const decoder =
  config.isolation === 'process'
    ? new IsolatedDecoder({ preprocess: config.preprocess, decode: config.decode })
    : undefined;
// Opened once and kept; a failed opening is kept as well, it would fail again. But for want of threads: that passes.
let vision: Promise<Vision> | undefined;
let text: Promise<TextEmbedder> | undefined;

/** The image tower, and what it reads: the preprocessor's buffer. */
interface Vision extends OpenTower {
  tensor: ReturnType<typeof imageTensor>;
}

function openVision(): Promise<Vision> {
  const { visionModel, visionPrepared, sessionOptions } = config;
  if (vision === undefined) {
    requireThreads(threadsOf(sessionOptions));
    const { tensor, height, width } = preprocessor;
    vision = openTower(visionModel, visionPrepared, 'pixel_values', sessionOptions).then((tower) => ({
      ...tower,
      tensor: imageTensor(tensor, height, width),
    }));
    forgetWithoutThreads(vision, () => (vision = undefined));
  }
  return vision;
}

function openText(prepared: PreparedGraph | undefined): Promise<TextEmbedder> {
  if (config.text === undefined)
    throw new VisionError('TEXT_UNSUPPORTED', 'This model has no text tower: it embeds images only.');
  const { text: files, sessionOptions } = config;
  if (text === undefined) {
    requireThreads(threadsOf(sessionOptions));
    text = readTextTower(files).then((tower) => TextEmbedder.open(tower, sessionOptions, prepared));
    forgetWithoutThreads(text, () => (text = undefined));
  }
  return text;
}

function forgetWithoutThreads(opening: Promise<unknown>, forget: () => void): void {
  opening.catch((error: unknown) => {
    if (error instanceof VisionError && error.code === 'WORKER_FAILED') forget();
  });
}

async function warm(): Promise<Done> {
  // One grey pixel goes all the way: an addon that is missing or does not load fails creation, not the first image.
  preprocessor.write(ONE_GREY_PIXEL);
  const { session, shared, dimensions, tensor } = await openVision();
  if (dimensions !== undefined) return { ok: true, dimensions, shared };
  const [output] = await session.run(tensor);
  return { ok: true, dimensions: output?.length ?? 0, shared };
}

async function embedImage(job: ImageJob | PixelsJob, isolated: Isolated | undefined): Promise<Embedded> {
  const { session, tensor } = await openVision();
  const before = isolated === undefined ? await writeImage(job) : writeIsolated(isolated);
  const start = performance.now();
  const [output] = await session.run(tensor);
  const vector = l2Normalize(output as Float32Array);
  if (vector === undefined) {
    throw new VisionError('MODEL_INVALID', 'The model answered with a vector that is zero or not finite.');
  }
  return { ok: true, vector, times: { ...before, inference: performance.now() - start } };
}

type TimesBefore = Omit<StageTimes, 'inference'>;

async function writeImage(job: ImageJob | PixelsJob): Promise<TimesBefore> {
  // Before the work, when nothing of the image before is in use any more.
  await reclaim(lastImageBytes);
  lastImageBytes = job.kind === 'image' ? imageBytes(job.bytes.length, job.header) : job.data.length;
  const start = performance.now();
  const pixels = job.kind === 'image' ? await preprocessor.decode(job.bytes, job.header) : pixelsOf(job);
  const decoded = performance.now();
  preprocessor.write(pixels);
  return { decode: decoded - start, preprocess: performance.now() - decoded };
}

function pixelsOf({ data, width, height, channels }: PixelsJob): Pixels {
  return { data, width, height, channels, bytesPerSample: 1, orientation: 1 };
}

let lastImageBytes = 0;

/** An image from the decoder process, and how long it was waited for. */
interface Isolated extends Decoded {
  waited: number;
}

async function decodeIsolated(by: IsolatedDecoder, { bytes, header }: ImageJob): Promise<Isolated> {
  const start = performance.now();
  const decoded = await by.decode(bytes, header);
  return { ...decoded, waited: performance.now() - start };
}

// The ways to the decoder process and back count as decoding.
function writeIsolated({ resized, waited, preprocess }: Isolated): TimesBefore {
  const start = performance.now();
  preprocessor.writeResized(resized);
  return { decode: waited - preprocess, preprocess: preprocess + performance.now() - start };
}

async function embedTexts({ texts, prepared }: TextsJob): Promise<TextsEmbedded> {
  const embedder = await openText(prepared);
  const outputs = await embedder.embed(texts);
  const dimensions = outputs.find(isFloat32Array)?.length ?? 0;
  const vectors = new Float32Array(outputs.length * dimensions);
  const failures: TextsEmbedded['failures'] = [];
  outputs.forEach((output, index) => {
    if (!isFloat32Array(output)) {
      failures.push({ ok: false, index, code: output.code, message: output.message });
      return;
    }
    const vector = l2Normalize(output);
    if (vector !== undefined) vectors.set(vector, index * dimensions);
    else failures.push({ ok: false, index, code: 'TEXT_NOT_UNDERSTOOD', message: NO_WORD_KNOWN });
  });
  return { ok: true, vectors, failures, shared: embedder.shared };
}

async function dispose(): Promise<Done> {
  await (await vision)?.session.release();
  await (await text)?.release();
  return { ok: true, dimensions: 0, shared: false };
}

// What is waited for outside the exit gate: nothing of it runs in this process, so the process may end meanwhile.
async function askDecoder(job: Job): Promise<Isolated | undefined> {
  if (decoder === undefined) return undefined;
  if (job.kind === 'image') return decodeIsolated(decoder, job);
  if (job.kind === 'warm') await decoder.start();
  if (job.kind === 'dispose') await decoder.close();
  return undefined;
}

function answer(job: Job, isolated: Isolated | undefined): Promise<Embedded | TextsEmbedded | Done> {
  switch (job.kind) {
    case 'warm':
      return warm();
    case 'image':
    case 'pixels':
      return embedImage(job, isolated);
    case 'texts':
      return embedTexts(job);
    case 'dispose':
      return dispose();
  }
}

/**
 * Does one job.
 * @param task - what to do
 * @param task.job - the job
 * @param task.slot - its flag at the exit gate
 * @returns the result, or a failure as data: it never rejects
 */
export default async function handle({
  job,
  slot,
}: Task): Promise<Embedded | TextsEmbedded | Done | Failure> {
  try {
    const isolated = await askDecoder(job);
    return await enterNative(config.loading.memory, slot, () => answer(job, isolated));
  } catch (error) {
    return failureOf(error);
  }
}
