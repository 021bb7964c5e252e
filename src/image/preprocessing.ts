// How a model wants its images: the types of it, as given and as resolved.

/** A size in pixels. */
export interface Size {
  height: number;
  width: number;
}

/** Pillow's numbers of its filters: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming. */
export type Resample = 0 | 1 | 2 | 3 | 4 | 5;

/** The keys of `preprocessor_config.json` that say how an image becomes a tensor, in camelCase. */
export interface PreprocessConfig {
  /** Squash to exactly this size, or scale so that the shortest edge has this length (then `doCenterCrop` is needed). */
  size: Size | { shortestEdge: number };
  /** Default 3 (bicubic, a = -0.5). */
  resample?: Resample | undefined;
  /** Cut `cropSize` out of the middle after resizing. Default false. */
  doCenterCrop?: boolean | undefined;
  /** Needed with `doCenterCrop`; no larger than `size`. */
  cropSize?: Size | undefined;
  /** Multiply the bytes by `rescaleFactor`. Default true. */
  doRescale?: boolean | undefined;
  /** Default 1/255. */
  rescaleFactor?: number | undefined;
  /** Subtract `imageMean` and divide by `imageStd`. Default true. */
  doNormalize?: boolean | undefined;
  /** Of R, G, B. Needed unless `doNormalize` is false. */
  imageMean?: readonly number[] | undefined;
  /** Of R, G, B, none of them 0. Needed unless `doNormalize` is false. */
  imageStd?: readonly number[] | undefined;
}

/** A validated configuration with nothing left open. */
export interface Preprocessing {
  size: Size | { shortestEdge: number };
  resample: Resample;
  /** Size of the tensor. */
  cropSize: Size;
  /** 1 when rescaling is off. */
  rescaleFactor: number;
  /** Undefined when normalising is off. */
  normalize: { mean: readonly number[]; std: readonly number[] } | undefined;
}
