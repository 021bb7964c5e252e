// A child of the differential test: decodes files in one way and says of each how far it is from its reference.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as NapiImage from '@napi-rs/image';
import type Sharp from 'sharp';
import type * as DecodeModule from '../../dist/esm/image/decode.js';
import type * as HeaderModule from '../../dist/esm/image/header.js';
import type { Entry, Result, Task, Way } from './differential-types.js';

interface Picture {
  width: number;
  height: number;
  channels: number;
  bytesPerSample: number;
  data: Uint8Array;
  orientation: number;
}
type Decode = (bytes: Uint8Array, entry: Entry) => Promise<Picture>;

const LIMIT = 500_000_000;
// As in src/image/decode.ts: L, LA, RGB, RGBA of 8 bits, the same of 16, then floats.
const FIRST_FLOAT = 8;

/** The product's own routing, of the build in `root`. */
async function byProduct(root: string): Promise<Decode> {
  const load = async (name: string) =>
    (await import(pathToFileURL(join(root, 'dist', 'esm', 'image', name)).href)) as unknown;
  const { readHeader } = (await load('header.js')) as typeof HeaderModule;
  const { decodePixels } = (await load('decode.js')) as typeof DecodeModule;
  const options = { autoOrient: false, limitInputPixels: LIMIT, decode: 'exact' } as const;
  return async (bytes) => {
    const header = readHeader(bytes, LIMIT);
    return decodePixels(bytes, header, { width: 224, height: 224 }, options);
  };
}

/** @napi-rs/image alone, whatever our routing says. */
function byNapi(root: string): Decode {
  const { Transformer } = createRequire(join(root, 'package.json'))('@napi-rs/image') as typeof NapiImage;
  return (bytes, { format, axes }) => {
    const image = new Transformer(bytes);
    const data = image.rawPixelsSync();
    const { width, height, colorType } = image.metadataSync();
    const type: number = colorType;
    if (type >= FIRST_FLOAT) throw new Error('float samples');
    const orientation = format === 'tiff' ? Number(axes.orientation ?? 1) : 1;
    const shape = { width, height, channels: (type % 4) + 1, bytesPerSample: type < 4 ? 1 : 2 };
    return Promise.resolve({ ...shape, data, orientation });
  };
}

/** sharp alone. */
function bySharp(root: string): Decode {
  const sharp = createRequire(join(root, 'package.json'))('sharp') as typeof Sharp;
  return async (bytes, { format }) => {
    const image = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false });
    const { data, info } = await (format === 'tiff' ? image.autoOrient() : image)
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { ...info, data, bytesPerSample: 1, orientation: 1 };
  };
}

/** The picture as RGB, high bytes only, upright. */
function upright(picture: Picture): { width: number; height: number; rgb: Uint8Array } {
  const { width, height, channels, bytesPerSample, orientation } = picture;
  const data = Buffer.from(picture.data.buffer, picture.data.byteOffset, picture.data.byteLength);
  if (data.length !== width * height * channels * bytesPerSample)
    throw new Error(`${data.length} bytes for ${width} x ${height} x ${channels} samples`);
  const transposed = orientation >= 5;
  const size = transposed ? { width: height, height: width } : { width, height };
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      let [sx, sy] = transposed ? [y, x] : [x, y];
      if ([2, 3, 7, 8].includes(orientation)) sx = width - 1 - sx;
      if ([3, 4, 6, 7].includes(orientation)) sy = height - 1 - sy;
      for (let c = 0; c < 3; c++) {
        const sample = (sy * width + sx) * channels + (channels < 3 ? 0 : c);
        rgb[(y * size.width + x) * 3 + c] = data[sample * bytesPerSample + bytesPerSample - 1]!;
      }
    }
  }
  return { ...size, rgb };
}

async function tryOne(decode: Decode, folder: string, entry: Entry, save: boolean): Promise<Result> {
  try {
    const { width, height, rgb } = upright(await decode(readFileSync(join(folder, entry.file)), entry));
    if (entry.rgb === undefined) {
      if (save) writeFileSync(join(folder, `${entry.file}.sharp.rgb`), rgb);
      return { outcome: 'decoded', width, height };
    }
    if (width !== entry.width || height !== entry.height) return { outcome: 'other size', width, height };
    const reference = readFileSync(join(folder, entry.rgb));
    let sum = 0;
    let max = 0;
    for (let i = 0; i < rgb.length; i++) {
      const difference = Math.abs(rgb[i]! - reference[i]!);
      sum += difference;
      if (difference > max) max = difference;
    }
    return { outcome: 'compared', mean: sum / rgb.length, max };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { outcome: 'error', code: code ?? '', error: String(message).slice(0, 300) };
  }
}

const DECODERS: Record<Way, (root: string) => Decode | Promise<Decode>> = {
  product: byProduct,
  napi: byNapi,
  sharp: bySharp,
};

process.on('message', (task: Task) => {
  void (async () => {
    const decode = await DECODERS[task.way](task.root);
    // What has not been written when the channel is closed is lost, so every message is waited for.
    const send = (message: object) => new Promise<void>((resolve) => process.send!(message, () => resolve()));
    for (const entry of task.entries) {
      await send({ start: entry.file });
      await send({ file: entry.file, result: await tryOne(decode, task.folder, entry, task.save) });
    }
    process.disconnect();
  })();
});
