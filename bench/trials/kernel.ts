// Trial: pixels in memory to a float32 tensor of 224 x 224, on one thread.
import { RawImage } from '@huggingface/transformers';
import { FastResizeFilter, ResizeFit, Transformer } from '@napi-rs/image';
import sharp from 'sharp';
import {
  kernelImplementation,
  kernelImplementations,
  resizeNormalizeInto,
  type StoredLayout,
} from '../../dist/esm/image/binding.js';
import { geometryOf } from '../../dist/esm/image/geometry.js';
import { valueTable } from '../../dist/esm/image/value-table.js';
import { freeImages, measure } from '../measure.js';
import { SIDE, SIGLIP, siglipProcessor } from '../siglip.js';
import type { Figure, Trial } from '../trial.js';

const SIZES = [
  { width: 640, height: 480, samples: 400, below: 0.5 },
  { width: 4032, height: 3024, samples: 20, below: 12 },
];
const OURS = 'semantic-vision';
const NAPI = '@napi-rs/image fastResize';
const SHARP = 'sharp, from raw pixels';
const TRANSFORMERS = 'transformers.js processor';

type Work = () => Promise<unknown>;

/** Each makes its work ready for one size. */
const SUBJECTS: Record<string, (width: number, height: number) => Work> = {
  [OURS]: (width, height) => ours(width, height, kernelImplementation()),
  // Every implementation of this CPU by name, so that one run tells whether the widest pays.
  ...Object.fromEntries(
    kernelImplementations().map((name) => [
      `${OURS}, ${name}`,
      (width: number, height: number) => ours(width, height, name),
    ]),
  ),
  [`${OURS}, RGBA`]: (width, height) => ours(width, height, kernelImplementation(), { channels: 4 }),
  [`${OURS}, RGBA flattened`]: (width, height) =>
    ours(width, height, kernelImplementation(), { channels: 4, background: 0xffffff }),
  [NAPI]: (width, height) => {
    // It takes nothing but RGBA.
    const source = pixels(width, height, 4);
    const options = { width: SIDE, height: SIDE, filter: FastResizeFilter.CatmullRom, fit: ResizeFit.Fill };
    return () =>
      Promise.resolve(Transformer.fromRgbaPixels(source, width, height).fastResize(options).rawPixelsSync());
  },
  [SHARP]: (width, height) => {
    const source = pixels(width, height, 3);
    return () =>
      sharp(source, { raw: { width, height, channels: 3 } })
        .resize(SIDE, SIDE, { fit: 'fill', kernel: 'cubic' })
        .raw()
        .toBuffer();
  },
  [TRANSFORMERS]: (width, height) => {
    const processor = siglipProcessor();
    const image = new RawImage(pixels(width, height, 3), width, height, 3);
    return async () => {
      await processor([image]);
    };
  },
};

/** The time of a resize does not depend on what is in the picture. */
export const kernel: Trial = {
  name: 'kernel',
  about: `decoded pixels to a ${SIDE}x${SIDE} tensor, bicubic, one thread (sharp, @napi-rs/image: to bytes only)`,
  subjects: Object.keys(SUBJECTS),
  races: SIZES.flatMap(({ width, height }) =>
    [NAPI, SHARP, TRANSFORMERS].map((peer) => ({
      label: `${width}x${height}`,
      subject: OURS,
      peer,
      times: 1,
    })),
  ),
  async run(subject, effort) {
    // transformers.js uses sharp as well.
    sharp.concurrency(1);
    sharp.cache(false);
    const figures: Figure[] = [];
    for (const { width, height, samples, below } of SIZES) {
      const work = SUBJECTS[subject]!(width, height);
      const figure = await measure(`${width}x${height}`, effort.times(samples), work, freeImages);
      figures.push(subject === OURS ? { ...figure, below } : figure);
    }
    return figures;
  },
};

function ours(
  width: number,
  height: number,
  implementation: string,
  stored: Pick<StoredLayout, 'background'> & { channels: 3 | 4 } = { channels: 3 },
): Work {
  const source = pixels(width, height, stored.channels);
  const layout = { ...stored, offset: 0, width, height, rowStride: width * stored.channels };
  const geometry = geometryOf(SIGLIP, width, height);
  const table = valueTable(SIGLIP);
  const target = new Float32Array(3 * SIDE * SIDE);
  return () => {
    resizeNormalizeInto(source, layout, geometry, table, target, implementation);
    return Promise.resolve();
  };
}

// A gradient with noise on it; alpha is opaque, as a decoded JPEG's.
function pixels(width: number, height: number, channels: 3 | 4): Uint8Array {
  const result = new Uint8Array(width * height * channels);
  let state = 1;
  for (let i = 0; i < result.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    result[i] = i % channels === 3 ? 255 : (224 * i) / result.length + (state >>> 27);
  }
  return result;
}
