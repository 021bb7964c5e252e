// Peer: @huggingface/transformers with the same model file and its own image reader, processor and session.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AutoProcessor,
  CLIPVisionModelWithProjection,
  RawImage,
  env,
  type Tensor,
} from '@huggingface/transformers';
import { MODEL_FOLDER } from '../inputs.js';
import type { Subject } from '../subjects.js';
import { inFlight } from './in-flight.js';

const NAME = 'bundled';

/**
 * @param threads - intra-op threads of the session
 * @returns the subject, ready
 */
export async function open(threads: number): Promise<Subject> {
  const folder = await layOut();
  env.allowRemoteModels = false;
  env.localModelPath = folder;
  const processor = await AutoProcessor.from_pretrained(NAME, { local_files_only: true });
  const model = await CLIPVisionModelWithProjection.from_pretrained(NAME, {
    local_files_only: true,
    dtype: 'fp32', // only says that the file's name has no suffix: the weights are what they are
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  await rm(folder, { recursive: true });

  const embed = async (image: Uint8Array) => {
    const raw = await RawImage.fromBlob(new Blob([image]));
    const inputs: unknown = await processor(raw);
    const { image_embeds } = (await model(inputs)) as { image_embeds: Tensor };
    return image_embeds.data as Float32Array;
  };
  return {
    embed,
    embedAll: (images) => inFlight(images, 2 * threads, embed),
    close: async () => {
      await model.dispose();
    },
  };
}

// The layout that from_pretrained wants. The class is CLIP's because the model answers with `image_embeds`, and its
// preprocessor_config.json names CLIP's image processor.
async function layOut(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'semantic-vision-bench-'));
  const model = join(folder, NAME);
  await mkdir(join(model, 'onnx'), { recursive: true });
  await copyFile(`${MODEL_FOLDER}vision_model.onnx`, join(model, 'onnx', 'vision_model.onnx'));
  await copyFile(`${MODEL_FOLDER}preprocessor_config.json`, join(model, 'preprocessor_config.json'));
  await writeFile(
    join(model, 'config.json'),
    JSON.stringify({ model_type: 'clip_vision_model', architectures: ['CLIPVisionModelWithProjection'] }),
  );
  return folder;
}
