// Loads the C++ addon and gives its functions types: the only file that opens a .node file.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf, VisionError } from '../errors.js';
import { packageRoot } from '../package-root.js';

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

/** What native/addon.cc exports; each signature is repeated above its C++ function. */
interface Addon {
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
}

let loaded: Addon | undefined;

// On first use, so that importing the package never fails.
function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const path = join(packageRoot(), 'build', 'Release', 'semantic_vision.node');
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    // The addon itself refuses an unknown SEMANTIC_VISION_KERNEL; everything else means that it did not load.
    if (cause instanceof Error && 'code' in cause && cause.code === 'INVALID_OPTION') {
      throw new VisionError('INVALID_OPTION', cause.message, { cause });
    }
    throw new VisionError('NATIVE_UNAVAILABLE', loadFailure(path, messageOf(cause)), { cause });
  }
}

function loadFailure(path: string, cause: string): string {
  const reasons = existsSync(path)
    ? [
        `${path} exists but did not load: ${cause}`,
        'It was probably built for another platform, architecture or C library (a node_modules copied between ' +
          'machines or into a container does that).',
      ]
    : [
        `${path} does not exist: its build was skipped (npm --ignore-scripts does that) or failed during installation.`,
      ];
  return [
    `The C++ addon of semantic-vision could not be loaded on ${process.platform}-${process.arch}, Node ${process.version}.`,
    ...reasons.map((reason) => `- ${reason}`),
    `What to do: run "npm rebuild semantic-vision" where the package is installed, or "node scripts/build-native.mjs" in`,
    `${packageRoot()}. It needs Python 3, make and a C++17 compiler.`,
  ].join('\n');
}

// The addon checks every argument and throws before it touches memory; here its errors get the library's class.
function checked<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    throw new VisionError('INVALID_ARGUMENT', messageOf(cause), { cause });
  }
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
