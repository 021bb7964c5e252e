// The functions of the C++ addon, with types.
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { loadNative } from '../native-package.js';
import { packageRoot } from '../package-root.js';
import { isError } from '../realm.js';
import type { Orientation } from './exif-orientation.js';

/** Where the pixels lie in a buffer of interleaved 8-bit RGB or RGBA. */
export interface PixelLayout {
  /** Bytes before the first pixel. */
  offset: number;
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** 3 for RGB, 4 for RGBA; alpha is dropped. */
  channels: 3 | 4;
  /** Bytes from the start of a row to the start of the next: at least `width * channels`. */
  rowStride: number;
}

/** Where pixels of any layout lie that a decoder leaves. */
export interface StoredLayout extends Omit<PixelLayout, 'channels'> {
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  channels: 1 | 2 | 3 | 4;
  /** Default 1. 2: in the machine's byte order, of which the high byte is taken. */
  bytesPerSample?: 1 | 2;
  /** Default 1. EXIF's; how the pixels have to be turned before resizing. */
  orientation?: Orientation;
  /**
   * 0xRRGGBB: pixels with alpha are composed over it before they are resized, each sample rounded to the nearest 8-bit value
   * as Pillow's `Image.paste` with a mask does; of 16-bit samples the high bytes of colour and alpha count. Without it alpha
   * is dropped.
   */
  background?: number | undefined;
}

/** Pillow's filters. All but `nearest` are antialiased: shrinking widens them to cover every source pixel. */
export type ResampleFilter = 'nearest' | 'lanczos' | 'bilinear' | 'bicubic' | 'box' | 'hamming';

/** What to compute: a part of the whole resized image. */
export interface ResizeGeometry {
  /** Pixels in a row of the whole resized image. */
  width: number;
  /** Rows of the whole resized image. */
  height: number;
  /** Bicubic has a = -0.5, lanczos three lobes. */
  filter: ResampleFilter;
  /** The part that is wanted, in pixels of the resized image; nothing else is computed. */
  crop: { left: number; top: number; width: number; height: number };
}

// Pillow's numbers for its filters, which preprocessor_config.json uses for `resample`.
const FILTERS: Record<ResampleFilter, number> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
  hamming: 5,
};

/** Layout of the source, resized size, filter and crop, as the addon takes them. */
type ResizeNumbers = [
  offset: number,
  width: number,
  height: number,
  channels: number,
  rowStride: number,
  bytesPerSample: number,
  orientation: number,
  background: number | undefined,
  resizedWidth: number,
  resizedHeight: number,
  filter: number,
  left: number,
  top: number,
  cropWidth: number,
  cropHeight: number,
];

/** What native/addon.cc exports; each signature is repeated above its C++ function. */
interface Addon {
  byteDotProducts(): string[];
  canStartThreads(count: number): boolean;
  endWithParent(): void;
  holdThreadEnd(flags: Int32Array): void;
  kernelImplementation(): string;
  kernelImplementations(): string[];
  normalize(
    source: Uint8Array,
    offset: number,
    width: number,
    height: number,
    channels: number,
    rowStride: number,
    scale: Float32Array,
    bias: Float32Array,
    target: Float32Array,
    implementation?: string,
  ): void;
  releaseThreadEnd(flags: Int32Array): void;
  resize(source: Uint8Array, ...rest: [...ResizeNumbers, target: Uint8Array, implementation?: string]): void;
  resizeNormalize(
    source: Uint8Array,
    ...rest: [...ResizeNumbers, table: Float32Array, target: Float32Array, implementation?: string]
  ): void;
}

// On first use, so that importing the package never fails.
function addon(): Addon {
  try {
    return loadNative(
      'semantic-vision',
      join(packageRoot(), 'build', 'Release', 'semantic_vision.node'),
    ) as Addon;
  } catch (error) {
    // The addon itself refuses an unknown SEMANTIC_VISION_KERNEL; everything else means that it did not load.
    const cause: unknown = error instanceof VisionError ? error.cause : undefined;
    if (!(isError(cause) && 'code' in cause && cause.code === 'INVALID_OPTION')) throw error;
    throw new VisionError('INVALID_OPTION', cause.message, { cause });
  }
}

// The addon checks every argument and throws before it touches memory; here its errors get the library's class.
function checked<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    const outOfMemory = isError(cause) && 'code' in cause && cause.code === 'OUT_OF_MEMORY';
    throw new VisionError(outOfMemory ? 'OUT_OF_MEMORY' : 'INVALID_ARGUMENT', messageOf(cause), { cause });
  }
}

/**
 * The instructions of this CPU that sum products of bytes in 32 bits, by Linux's names: `avx512_vnni`, `avx_vnni`, `i8mm`,
 * `asimddp`. `SEMANTIC_VISION_KERNEL` changes nothing about it.
 * @returns those that it has and that the operating system lets programs use
 * @throws {VisionError} NATIVE_UNAVAILABLE; INVALID_OPTION when `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function byteDotProducts(): string[] {
  return addon().byteDotProducts();
}

/**
 * Asks whether the system grants more threads, for those who can't bear a refusal: ONNX Runtime hangs when it gets some of
 * its threads and then no more.
 * @param count - how many
 * @returns whether so many can be there at once; none of them is left
 * @throws {VisionError} NATIVE_UNAVAILABLE; INVALID_OPTION when `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function canStartThreads(count: number): boolean {
  return addon().canStartThreads(count);
}

/**
 * For child processes: ends this process, whatever it is doing, when its standard input ends. The parent holds the other
 * end and lets go of it when it ends itself, however that comes about.
 * @throws {VisionError} WORKER_FAILED when no thread can be started to watch; NATIVE_UNAVAILABLE; INVALID_OPTION when
 * `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function endWithParent(): void {
  const native = addon();
  try {
    native.endWithParent();
  } catch (cause) {
    throw new VisionError('WORKER_FAILED', `${messageOf(cause)}.`, { cause });
  }
}

/**
 * Has this thread, when another one ends it (`worker.terminate()`), set the first flag to 1 and wait until all others are 0.
 * @param flags - of shared memory
 * @returns takes that back
 * @throws {VisionError} WORKER_FAILED when the end cannot be watched; NATIVE_UNAVAILABLE; INVALID_OPTION when
 * `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function holdThreadEnd(flags: Int32Array<SharedArrayBuffer>): () => void {
  const native = addon();
  try {
    native.holdThreadEnd(flags);
  } catch (cause) {
    throw new VisionError('WORKER_FAILED', `${messageOf(cause)}.`, { cause });
  }
  return () => native.releaseThreadEnd(flags);
}

/**
 * The kernel implementations that this CPU can run.
 * @returns names, best first; `scalar` is always the last
 * @throws {VisionError} NATIVE_UNAVAILABLE; INVALID_OPTION when `SEMANTIC_VISION_KERNEL` names none of them
 */
export function kernelImplementations(): string[] {
  return addon().kernelImplementations();
}

/**
 * The kernel implementation in use: the best one, unless the environment variable `SEMANTIC_VISION_KERNEL` named
 * another when this thread loaded the addon.
 * @returns its name
 * @throws {VisionError} NATIVE_UNAVAILABLE; INVALID_OPTION when `SEMANTIC_VISION_KERNEL` names none of them
 */
export function kernelImplementation(): string {
  return addon().kernelImplementation();
}

/**
 * Turns interleaved 8-bit pixels into a planar float32 tensor: `target[c][y][x] = source(x, y, c) * scale[c] + bias[c]`,
 * product and sum each rounded to float32. Every implementation gives the same bits.
 * @param source - the pixels; may be a view of shared memory
 * @param layout - where they lie in `source`
 * @param scale - 3 finite factors, in R, G, B order
 * @param bias - 3 finite summands, in R, G, B order
 * @param target - the first `3 * width * height` elements are written, the rest is left alone; must not overlap `source`
 * @param implementation - one of {@link kernelImplementations}; default: {@link kernelImplementation}
 * @throws {VisionError} INVALID_ARGUMENT, with nothing written; NATIVE_UNAVAILABLE; INVALID_OPTION when
 * `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function normalizeInto(
  source: Uint8Array,
  layout: PixelLayout,
  scale: Float32Array,
  bias: Float32Array,
  target: Float32Array,
  implementation?: string,
): void {
  const native = addon();
  const { offset, width, height, channels, rowStride } = layout;
  checked(() => {
    native.normalize(source, offset, width, height, channels, rowStride, scale, bias, target, implementation);
  });
}

function resizeNumbers(layout: StoredLayout, geometry: ResizeGeometry): ResizeNumbers {
  const {
    offset,
    width,
    height,
    channels,
    rowStride,
    bytesPerSample = 1,
    orientation = 1,
    background,
  } = layout;
  const { crop, filter } = geometry;
  const number = Object.hasOwn(FILTERS, filter) ? FILTERS[filter] : Number.NaN; // which the addon refuses
  const { left, top } = crop;
  return [
    ...([offset, width, height, channels, rowStride, bytesPerSample, orientation, background] as const),
    ...([geometry.width, geometry.height, number, left, top, crop.width, crop.height] as const),
  ];
}

/**
 * Resizes exactly as Pillow does (its classic order: horizontal pass, 8-bit rounding, vertical pass), to bytes. Every
 * implementation gives the same bytes.
 * @param source - the pixels; may be a view of shared memory
 * @param layout - where they lie in `source`; sides of at most 2^20 pixels, as those of the resized image
 * @param geometry - the resized size, the filter, and the part that is wanted
 * @param target - its first `3 * crop.width * crop.height` bytes become interleaved RGB; must not overlap `source`
 * @param implementation - one of {@link kernelImplementations}; default: {@link kernelImplementation}
 * @throws {VisionError} INVALID_ARGUMENT, with nothing written, also when memory runs out; NATIVE_UNAVAILABLE;
 * INVALID_OPTION when `SEMANTIC_VISION_KERNEL` names none of the implementations
 */
export function resizeInto(
  source: Uint8Array,
  layout: StoredLayout,
  geometry: ResizeGeometry,
  target: Uint8Array,
  implementation?: string,
): void {
  const native = addon();
  const numbers = resizeNumbers(layout, geometry);
  checked(() => {
    native.resize(source, ...numbers, target, implementation);
  });
}

/**
 * Resizes as {@link resizeInto} and turns every byte into a float32, in one pass over the pixels:
 * `target[c][y][x] = table[256 * c + byte]`. A table, so that rescaling and normalising can be computed once, in
 * whatever order of roundings the reference has.
 * @param source - the pixels; may be a view of shared memory
 * @param layout - where they lie in `source`; sides of at most 2^20 pixels, as those of the resized image
 * @param geometry - the resized size, the filter, and the part that is wanted
 * @param table - 256 finite values for R, 256 for G, 256 for B
 * @param target - its first `3 * crop.width * crop.height` elements are written; must not overlap `source` or `table`
 * @param implementation - one of {@link kernelImplementations}; default: {@link kernelImplementation}
 * @throws {VisionError} as {@link resizeInto}
 */
export function resizeNormalizeInto(
  source: Uint8Array,
  layout: StoredLayout,
  geometry: ResizeGeometry,
  table: Float32Array,
  target: Float32Array,
  implementation?: string,
): void {
  const native = addon();
  const numbers = resizeNumbers(layout, geometry);
  checked(() => {
    native.resizeNormalize(source, ...numbers, table, target, implementation);
  });
}
