// Everyone who can do the job, behind one interface: the library in two shapes, and what a user would take instead.
import { SemanticVision } from 'semantic-vision';
import { availableCpus } from '../dist/esm/pool/cpus.js';

/** Encoded bytes in, vector out. */
export interface Subject {
  embed(image: Uint8Array): Promise<Float32Array>;
  /** Many images as fast as possible, with a bounded number under way. */
  embedAll(images: readonly Uint8Array[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** CPUs this process may use; every subject gets as many threads. */
export const CPUS = availableCpus();

/** The library with its defaults. */
export const DEFAULTS = 'semantic-vision (defaults)';
/** The library tuned for the latency of one image. */
export const ONE_WORKER = `semantic-vision (1 worker x ${CPUS} threads)`;
/** The peer most users would take. */
export const TRANSFORMERS = `transformers.js (${CPUS} threads)`;
/** The peer that an experienced user would write by hand. */
export const ORT_SHARP = `onnxruntime-node + sharp (${CPUS} threads)`;

/**
 * Opens a subject; its cache, where it has one, is off.
 * @param name - one of the names above
 * @returns the subject, ready
 */
export async function openSubject(name: string): Promise<Subject> {
  switch (name) {
    case DEFAULTS:
    case ONE_WORKER:
      return product(await openVision(name));
    // Imported on demand: a process holds only what it measures.
    case TRANSFORMERS:
      return (await import('./peers/transformers.js')).open(CPUS);
    case ORT_SHARP:
      return (await import('./peers/ort-sharp.js')).open(CPUS);
    default:
      throw new Error(`Unknown subject "${name}".`);
  }
}

/**
 * Opens the library itself, without a cache.
 * @param name - {@link DEFAULTS} or {@link ONE_WORKER}
 * @returns the library
 */
export async function openVision(name: string): Promise<SemanticVision> {
  const threads = name === ONE_WORKER ? { workers: 1, intraOpNumThreads: CPUS } : {};
  return SemanticVision.create({ ...threads, cacheMaxBytes: 0 });
}

function product(vision: SemanticVision): Subject {
  return {
    embed: async (image) => (await vision.embedImage(image)).vector,
    embedAll: async (images) => {
      const vectors: Float32Array[] = [];
      for await (const result of vision.embedImages(images)) {
        if (!result.ok) throw result.error;
        vectors.push(result.embedding.vector);
      }
      return vectors;
    },
    close: () => vision.close(),
  };
}
