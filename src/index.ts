// What the package exports, and nothing else.
export { SemanticVision } from './semantic-vision.js';
export {
  VectorIndex,
  type IndexSettings,
  type IndexSpace,
  type VectorIndexOptions,
  type VectorInput,
} from './index/vector-index.js';
export type * from './index/types.js';
export { VisionError, ERROR_CODES, type VisionErrorCode } from './errors.js';
export { preprocess, type PreprocessOptions } from './image/preprocess.js';
export type { PreprocessConfig, Resample, Size } from './image/preprocessing.js';
export type { DecodeMode } from './image/decode.js';
export type { SemanticVisionOptions } from './options.js';
export type { Isolation } from './pool/protocol.js';
export {
  listModels,
  modelInfo,
  pullModel,
  type ModelDetails,
  type ModelListing,
  type PulledFile,
  type PulledModel,
} from './models/catalog.js';
export type { Dtype } from './models/dtype.js';
export type { Logits, ReferenceValues } from './models/manifest.js';
export type { FetchOptions, OptimizeOptions } from './models/model-options.js';
export { optimizeModel, type ModelOptimization } from './models/optimized/optimize.js';
export type {
  OptimizationCost,
  OptimizationReport,
  OptimizedLayer,
  OptimizeProgress,
} from './models/optimized/report.js';
export type { Accuracy, AccuracyTarget } from './optimize/evaluate.js';
export type { PassReport } from './optimize/passes/report.js';
export type { ModelFiles } from './models/source.js';
export {
  verifyModel,
  type VerificationCheck,
  type VerificationReport,
  type VerifyOptions,
} from './verify-model.js';
export type {
  Classification,
  ClassifyOptions,
  DownloadProgress,
  EmbedImagesOptions,
  EmbedOptions,
  EmbedResult,
  Embedding,
  ImageEmbedding,
  ImageInput,
  ModelInfo,
  Priority,
  RawImage,
  SimilarResult,
  StageTiming,
  TextEmbedding,
  VisionStats,
} from './types.js';
