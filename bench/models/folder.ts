// Full-size models of random weights in the hub's layout, written once below .cache/ and found again.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeModel } from '../../dist/esm/optimize/onnx/write.js';
import { randomWeights } from './random-weights.js';
import { MODEL_SIZES, type ModelName, type ModelSize } from './sizes.js';
import { textTower, visionTower } from './towers.js';

// Goes up whenever graphs or weights change: folders of other versions are left alone, and never used.
const VERSION = 1;
const CACHE = fileURLToPath(new URL(`../../.cache/bench-models-v${VERSION}`, import.meta.url));
const HALF = [0.5, 0.5, 0.5];

/**
 * The folder of a model; writes it if it is not there. Two processes at once both write, and one of them wins.
 * @param name - of the model
 * @returns the folder: config.json, preprocessor_config.json, onnx/vision_model.onnx, onnx/text_model.onnx
 */
export async function modelFolder(name: ModelName): Promise<string> {
  const size: ModelSize = MODEL_SIZES[name];
  const folder = join(CACHE, size.id);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}.tmp`;
  mkdirSync(join(draft, 'onnx'), { recursive: true });
  try {
    await writeFolder(draft, size);
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function writeFolder(folder: string, { vision, text, externalData }: ModelSize): Promise<void> {
  const tower = visionTower(vision, randomWeights(vision.layers));
  await writeModel(tower, join(folder, 'onnx', 'vision_model.onnx'), { externalData });
  if (text) {
    await writeModel(textTower(text, randomWeights(text.layers)), join(folder, 'onnx', 'text_model.onnx'));
  }
  const shared = { hidden_act: 'gelu_pytorch_tanh', layer_norm_eps: 1e-6 };
  const json = (name: string, value: unknown) =>
    writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  json('config.json', {
    model_type: 'siglip',
    vision_config: {
      ...shared,
      model_type: 'siglip_vision_model',
      hidden_size: vision.hidden,
      intermediate_size: vision.mlp,
      num_attention_heads: vision.heads,
      num_hidden_layers: vision.layers,
      image_size: vision.image,
      patch_size: vision.patch,
    },
    ...(text && {
      text_config: {
        ...shared,
        model_type: 'siglip_text_model',
        hidden_size: text.hidden,
        intermediate_size: text.mlp,
        num_attention_heads: text.heads,
        num_hidden_layers: text.layers,
        max_position_embeddings: text.positions,
        vocab_size: text.vocabulary,
      },
    }),
  });
  json('preprocessor_config.json', {
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: HALF,
    image_processor_type: 'SiglipImageProcessor',
    image_std: HALF,
    processor_class: 'SiglipProcessor',
    resample: 3,
    rescale_factor: 1 / 255,
    size: { height: vision.image, width: vision.image },
  });
}
