// Peer: what an experienced user writes by hand with onnxruntime-node and sharp, in the main thread.
import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { MODEL_FOLDER } from '../inputs.js';
import type { Subject } from '../subjects.js';
import { inFlight } from './in-flight.js';

interface Config {
  crop_size: { width: number; height: number };
  rescale_factor: number;
  image_mean: [number, number, number];
  image_std: [number, number, number];
}

/**
 * @param threads - intra-op threads of the session
 * @returns the subject, ready
 */
export async function open(threads: number): Promise<Subject> {
  const config = JSON.parse(readFileSync(`${MODEL_FOLDER}preprocessor_config.json`, 'utf8')) as Config;
  const session = await InferenceSession.create(`${MODEL_FOLDER}vision_model.onnx`, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const { width, height } = config.crop_size;

  const embed = async (image: Uint8Array) => {
    // Cover and centre: the shortest edge is resized to the side, the rest is cut off.
    const pixels = await sharp(image)
      .resize(width, height, { fit: 'cover', kernel: 'cubic' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer();
    const tensor = new Tensor('float32', toNchw(pixels, config), [1, 3, height, width]);
    const { image_embeds } = await session.run({ pixel_values: tensor }, ['image_embeds']);
    return image_embeds!.data as Float32Array;
  };
  return {
    embed,
    embedAll: (images) => inFlight(images, 2 * threads, embed),
    close: () => session.release(),
  };
}

function toNchw(pixels: Uint8Array, config: Config): Float32Array {
  const plane = config.crop_size.width * config.crop_size.height;
  const values = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    const scale = config.rescale_factor / config.image_std[channel]!;
    const bias = -config.image_mean[channel]! / config.image_std[channel]!;
    for (let i = 0; i < plane; i++) values[channel * plane + i] = pixels[3 * i + channel]! * scale + bias;
  }
  return values;
}
