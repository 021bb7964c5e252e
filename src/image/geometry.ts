// Where an image goes: the size it is resized to, and the window of that which becomes the tensor.
import { VisionError } from '../errors.js';
import type { ResampleFilter, ResizeGeometry } from './binding.js';
import type { Preprocessing } from './preprocessing.js';

// By Pillow's numbers.
const FILTER_NAMES: Record<Preprocessing['resample'], ResampleFilter> = {
  0: 'nearest',
  1: 'lanczos',
  2: 'bilinear',
  3: 'bicubic',
  4: 'box',
  5: 'hamming',
};

/** The most pixels a side may have in the kernel. */
const MAX_SIDE = 2 ** 20;

/**
 * The geometry for an image. The rounding is that of transformers' `get_resize_output_image_size` and `center_crop`.
 * @param config - the model's preprocessing
 * @param width - pixels in a row, upright
 * @param height - rows, upright
 * @returns the resized size, the filter, and the window of it that becomes the tensor
 * @throws `TOO_MANY_PIXELS` for a strip so thin that its long side would grow beyond all measure
 */
export function geometryOf(config: Preprocessing, width: number, height: number): ResizeGeometry {
  const { size, cropSize, resample } = config;
  const resized =
    'shortestEdge' in size
      ? width <= height
        ? { width: size.shortestEdge, height: Math.trunc((size.shortestEdge * height) / width) }
        : { width: Math.trunc((size.shortestEdge * width) / height), height: size.shortestEdge }
      : size;
  const longest = Math.max(width, height, resized.width, resized.height);
  if (longest > MAX_SIDE) {
    throw new VisionError(
      'TOO_MANY_PIXELS',
      `Expected sides of at most ${MAX_SIDE} pixels but the image has ${width} x ${height}, resized ` +
        `${resized.width} x ${resized.height}. Cut such a strip into pieces.`,
    );
  }
  return {
    width: resized.width,
    height: resized.height,
    filter: FILTER_NAMES[resample],
    crop: {
      left: Math.floor((resized.width - cropSize.width) / 2),
      top: Math.floor((resized.height - cropSize.height) / 2),
      width: cropSize.width,
      height: cropSize.height,
    },
  };
}
