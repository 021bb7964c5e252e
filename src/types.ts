// Public types: shapes only, nothing that runs.
import type { VisionError } from './errors.js';

/**
 * Decoded pixels: interleaved 8-bit RGB or RGBA, row-major, no padding between rows. Alpha is ignored unless the option
 * `flatten` is given.
 */
export interface RawImage {
  /** `width * height * channels` bytes. */
  data: Uint8Array | Uint8ClampedArray;
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** 3 for RGB, 4 for RGBA. */
  channels: 3 | 4;
}

/**
 * An image to embed: a path, a `file:` URL (as `URL` or string), encoded bytes, a Blob, or decoded pixels. The caller's
 * buffers are copied, never detached or changed; one of more than 8 MiB must be left alone until the promise settles.
 */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

/** Which queue lane a request takes: every waiting interactive request goes before any bulk one. */
export type Priority = 'interactive' | 'bulk';

/** Options of a single embedding. */
export interface EmbedOptions {
  /** Rejects with `ABORTED` as soon as it fires. A request that still waits is dropped; a run under way is not cut. */
  signal?: AbortSignal | undefined;
  /** Default `interactive` for single requests, `bulk` for streams. */
  priority?: Priority | undefined;
}

/** Options of {@link SemanticVision.embedImages}. */
export interface EmbedImagesOptions extends EmbedOptions {
  /** How many images may be under way at once; bounds the memory of the stream. Default: twice the workers. */
  concurrency?: number | undefined;
}

/** What all embeddings share. */
export interface Embedding {
  /** L2-normalised, `dimensions` long. */
  vector: Float32Array;
  /** Length of the vector. */
  dimensions: number;
  /** Fingerprint of the model that made it; vectors of different fingerprints are not comparable. */
  model: string;
  /** When the vector was computed (for a cached one: when it was first computed). */
  createdAt: Date;
  /** True when the vector came from the cache, or from a request for the same input that was already under way. */
  cached: boolean;
}

/** The embedding of an image. */
export interface ImageEmbedding extends Embedding {
  /**
   * SHA-256 (hex) of the encoded bytes. For {@link RawImage} input: of the line `raw:WIDTHxHEIGHTxCHANNELS\n` followed
   * by the pixels, so that the same bytes in another shape are another image.
   */
  imageHash: string;
}

/** The embedding of a text. */
export interface TextEmbedding extends Embedding {
  /** The text as given. */
  text: string;
}

/** One element of the stream that {@link SemanticVision.embedImages} yields, in input order. */
export type EmbedResult =
  { ok: true; index: number; embedding: ImageEmbedding } | { ok: false; index: number; error: VisionError };

/** A neighbour among the candidates of {@link SemanticVision.findSimilar}. */
export interface SimilarResult {
  /** Position in the candidates array. */
  index: number;
  /** Cosine, -1 to 1. */
  similarity: number;
}

/** A label of {@link SemanticVision.classify}. */
export interface Classification {
  /** As given. */
  label: string;
  /** 0 to 1, of this label alone: an image may show several things, or none of them. They do not add up to 1. */
  probability: number;
  /** Cosine of image and label, -1 to 1. */
  similarity: number;
}

/** Options of {@link SemanticVision.classify}. */
export interface ClassifyOptions extends EmbedOptions {
  /** The sentence around each label, which stands where `{}` is. Default `This is a photo of {}.` */
  template?: string | undefined;
}

/**
 * How far the download of a model is. Bytes that an earlier, interrupted one left behind count as there; files that are in
 * the cache are left out.
 */
export interface DownloadProgress {
  /** The file that is being downloaded, relative to the repository. */
  file: string;
  /** Bytes of it so far; falls back to 0 where the server makes it start anew. */
  fileBytes: number;
  /** Its size; undefined where the hub does not say it. */
  fileTotal: number | undefined;
  /** Bytes of all of the model's files that had to be downloaded, so far: one count from the first file to the last. */
  bytes: number;
  /**
   * Their sizes together; never changes once it is there. Undefined during the first, small files (`*config.json`), which say
   * what else is needed, and where the hub does not say all sizes.
   */
  total: number | undefined;
}

/** What is known about the loaded model. */
export interface ModelInfo {
  /** Name in the manifest, hub id, folder, or path of the image tower's file. */
  readonly id: string;
  /** Commit of a hub model, version of the bundled one; `local` for files. */
  readonly revision: string;
  /** Precision of the image tower's weights. */
  readonly dtype: string;
  /** Why it is this one, for a person to read: asked for, the default, or what was measured. */
  readonly dtypeReason: string;
  /** Length of every vector; read from the model, never assumed. */
  readonly dimensions: number;
  /** Side of the square input, in pixels. */
  readonly imageSize: number;
  /** SHA-256 over the hashes of what makes image vectors, the preprocessing version and the dtype: the vectors' space. */
  readonly fingerprint: string;
}

/** Time spent in one stage, over all images so far. */
export interface StageTiming {
  /** How many times the stage ran. */
  count: number;
  /** Sum, in ms. */
  totalMs: number;
  /** Mean, in ms; 0 when it never ran. */
  meanMs: number;
  /** Longest, in ms. */
  maxMs: number;
}

/** Whether the workers share one copy of a tower's weights. */
export interface WeightSharing {
  /** True when they are mapped from a file that was prepared for this machine. */
  shared: boolean;
  /** Why not, for a person to read: the graph is small, the folder cannot be written, ... */
  reason?: string | undefined;
}

/** Counters and gauges, taken at one moment. */
export interface VisionStats {
  /** Worker threads. */
  workers: number;
  /** Threads inside each worker's session. */
  intraOpNumThreads: number;
  /** Requests that wait, by lane, and requests that a worker is busy with. */
  queue: { interactive: number; bulk: number; running: number };
  /** Images that a worker embedded; cache hits are not among them. */
  imagesEmbedded: number;
  /** Texts that a worker embedded; cache hits are not among them. */
  textsEmbedded: number;
  /** Requests that ended in an error, aborted ones included. */
  failed: number;
  /** Workers that died and were replaced. */
  workerFailures: number;
  /** The weights of each tower. */
  weights: { image: WeightSharing; text: WeightSharing };
  /** The cache of vectors. */
  cache: {
    /** Requests answered from the cache. */
    hits: number;
    /** Requests that had to be computed. */
    misses: number;
    /** Requests that joined a computation already under way. */
    coalesced: number;
    /** Vectors held. */
    entries: number;
    /** Bytes held. */
    bytes: number;
    /** Bound on the bytes held. */
    maxBytes: number;
  };
  /** Where the time of the images went. */
  timings: { decode: StageTiming; preprocess: StageTiming; inference: StageTiming };
}
