// Stands in for what the package root will export (classify, the hub functions) until that part is merged.
import * as root from '../index.js';

/** How far a download is. */
export interface DownloadProgress {
  file: string;
  fileBytes: number;
  fileTotal: number | undefined;
  bytes: number;
  total: number | undefined;
}

/** Where a model comes from. */
export interface ModelSourceOptions {
  revision?: string | undefined;
  dtype?: string | undefined;
  cacheDir?: string | undefined;
  localFilesOnly?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** A model that is known by name. */
export interface ModelListing {
  id: string;
  repo: string;
  source: 'bundled' | 'hub';
  dimensions: number;
  imageSize: number;
  licence: string;
  cached: string[];
  description: string;
}

/** A model whose files are in the cache. */
export interface PulledModel {
  id: string;
  repo: string;
  revision: string;
  directory: string;
  files: { path: string; size: number; sha256: string }[];
}

/** Everything that is known of a model. */
export type ModelDetails = Record<string, unknown>;

/** Reference values against what came out. */
export interface VerificationReport {
  id: string;
  revision: string;
  ok: boolean;
  checks: {
    name: string;
    expected: string;
    actual: string;
    difference: number | undefined;
    tolerance: number | undefined;
    ok: boolean;
  }[];
}

/** One label's share. */
export interface Classification {
  label: string;
  probability: number;
  similarity: number;
}

interface Root {
  listModels: (options: { cacheDir?: string | undefined }) => Promise<ModelListing[]>;
  pullModel: (id: string, options: ModelSourceOptions) => Promise<PulledModel>;
  modelInfo: (id: string, options: ModelSourceOptions) => Promise<ModelDetails>;
  verifyModel: (id: string, options: ModelSourceOptions) => Promise<VerificationReport>;
  SemanticVision: {
    create: (options: root.SemanticVisionOptions & ModelSourceOptions) => Promise<SemanticVision>;
  };
}

/** The facade with what is to come. */
export type SemanticVision = root.SemanticVision & {
  classify: (
    image: root.ImageInput,
    labels: readonly string[],
    options: { template?: string | undefined; signal?: AbortSignal | undefined },
  ) => Promise<Classification[]>;
};

export const { listModels, pullModel, modelInfo, verifyModel } = root as unknown as Root;
export const SemanticVision: Root['SemanticVision'] = {
  create: async ({ model, workers, intraOpNumThreads, signal }) =>
    (await root.SemanticVision.create({ model, workers, intraOpNumThreads, signal })) as SemanticVision,
};
export { VectorIndex } from '../index.js';
