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
export { preprocess } from './image/preprocess.js';
export type { PreprocessConfig, Resample, Size } from './image/preprocessing.js';
export type { DecodeMode } from './image/decode.js';
export type { SemanticVisionOptions } from './options.js';
export type {
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
