// What the caller's thread and the workers say to each other: plain data, shapes named once.
import type { VisionErrorCode } from '../errors.js';
import type { ImageHeader } from '../image/header.js';
import type { DecodeOptions } from '../image/decode.js';
import type { Preprocessing } from '../image/preprocessing.js';
import type { Loading } from './exit-gate.js';
import type { LeaseMemory } from './leases.js';

/** `process`: images are decoded in child processes. `none`: in the process itself. */
export type Isolation = 'none' | 'process';

/** All a worker needs to know; it arrives as `workerData`. */
export interface WorkerConfig {
  /** Path of the image tower. */
  visionModel: string;
  /** Its prepared form, if there is one. */
  visionPrepared?: PreparedGraph | undefined;
  /** The text tower, if the model has one; opened on the first text. */
  text: TextFiles | undefined;
  /** How images become tensors. */
  preprocess: Preprocessing;
  /** Options of every session, complete. */
  sessionOptions: Record<string, unknown>;
  /** How images are decoded. */
  decode: DecodeOptions;
  /** In turn with whom sharp is used. */
  leases: LeaseMemory;
  /** Where: in the worker itself, or in a process of its own. */
  isolation: Isolation;
  /** The worker's own module, and the gate's memory, see {@link enterNative}. */
  loading: Loading;
}

/** A graph whose weights all workers share, made for this machine from another one. */
export interface PreparedGraph {
  /** Path of the ONNX file. */
  path: string;
  /** The input that it is proven with. */
  probe: Probe;
  /** SHA-256 (hex) of what it has to compute from that. */
  proof: string;
}

/** A fixed input: noise of that shape, or a few tokens. */
export type Probe = { input: 'pixel_values'; height: number; width: number } | { input: 'input_ids' };

/** How many texts share a run, and so how many a job best holds; decisions/0009 has the measurement. */
export const TEXT_BATCH = 4;

/** Files of the text tower. */
export interface TextFiles {
  /** Path of the ONNX file. */
  model: string;
  /** Path of `config.json`. */
  config: string;
  /** Path of `tokenizer.json`. */
  tokenizer: string;
  /** Path of `tokenizer_config.json`. */
  tokenizerConfig: string;
  /** Whether several texts may share a run. Never with quantised weights: a vector would depend on its neighbours. */
  batch: boolean;
}

/** A text tower with what its files say; only workers read them, since a tokenizer may have 30 MB. */
export interface TextTower extends Omit<TextFiles, 'config' | 'tokenizerConfig'> {
  /** Parsed `tokenizer.json` and `tokenizer_config.json`. */
  parsed: { tokenizer: unknown; tokenizerConfig: unknown };
  /** Most tokens. */
  maxLength: number;
  /** What is done to a text before its tokenizer, see {@link canonicalize}. */
  canonicalization: 'none' | 'lowercase' | 'siglip';
  /** The token that fills texts up to `maxLength` on their right; undefined: they are not filled. */
  padId: number | undefined;
}

/** Encoded bytes, with what the header said. */
export interface ImageJob {
  kind: 'image';
  /** Of the content, see {@link refuseQuarantined}. */
  hash: string;
  bytes: Uint8Array<ArrayBuffer>;
  header: ImageHeader;
}

/** Decoded pixels. */
export interface PixelsJob {
  kind: 'pixels';
  /** Of the content, see {@link refuseQuarantined}. */
  hash: string;
  data: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** Several texts, one after the other or {@link TEXT_BATCH} in a run; one that fails does not harm the others. */
export interface TextsJob {
  kind: 'texts';
  texts: readonly string[];
  /** Prepared form of the tower, if there is one; the first job's is the one that is opened. */
  prepared?: PreparedGraph | undefined;
}

/** Opens the image session and runs it once. */
export interface WarmJob {
  kind: 'warm';
}

/** Releases the sessions; the worker is terminated next. */
export interface DisposeJob {
  kind: 'dispose';
}

/** Everything that can be asked of a worker. */
export type Job = ImageJob | PixelsJob | TextsJob | WarmJob | DisposeJob;

/** What a worker is handed. */
export interface Task {
  job: Job;
  /** The job's flag at the exit gate; no other job under way has it. */
  slot: number;
}

/** ms spent in each stage of one image. */
export interface StageTimes {
  decode: number;
  preprocess: number;
  inference: number;
}

/** A failure as data: an error's class and code do not survive the way between threads. */
export interface Failure {
  ok: false;
  code: VisionErrorCode;
  message: string;
  /** Message of the error underneath, if there was one. */
  cause?: string | undefined;
}

/** An embedding; `times` is there for images only, `shared` for texts. */
export interface Embedded {
  ok: true;
  vector: Float32Array;
  times?: StageTimes;
  /** Whether the text tower's weights are those of its prepared form. */
  shared?: boolean;
}

/** Answer to {@link TextsJob}. */
export interface TextsEmbedded {
  ok: true;
  /** One row of `dimensions` values a text; zeros where it failed. */
  vectors: Float32Array;
  /** The texts that have no embedding, by their place in the job. */
  failures: (Failure & { index: number })[];
  /** Whether the text tower's weights are those of its prepared form. */
  shared: boolean;
}

/** Answer to {@link WarmJob} and {@link DisposeJob}. */
export interface Done {
  ok: true;
  dimensions: number;
  /** Whether the image tower's weights are those of its prepared form. */
  shared: boolean;
}

/** The answer that belongs to a job. */
export type ReplyTo<J extends Job> =
  (J extends WarmJob | DisposeJob ? Done : J extends TextsJob ? TextsEmbedded : Embedded) | Failure;

/** The descriptor of the socket over which a decoder process is talked to. */
export const FRAMES = 3;

/** The first thing that a decoder process is told; it answers when it is ready. */
export interface DecoderStart {
  preprocess: Preprocessing;
  decode: DecodeOptions;
}

/** What a decoder process answers to that and to each image, with the resized bytes behind it; times in ms. */
export type DecoderReply = ({ ok: true } & Pick<StageTimes, 'decode' | 'preprocess'>) | Failure;
