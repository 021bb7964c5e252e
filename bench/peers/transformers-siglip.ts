// Peer: @huggingface/transformers with a SigLIP model of full size, as its documentation says.
import { basename, dirname } from 'node:path';
import { AutoProcessor, RawImage, SiglipVisionModel, env, type Tensor } from '@huggingface/transformers';
import type { Subject } from '../subjects.js';
import { inFlight } from './in-flight.js';

/**
 * @param folder - in the hub's layout
 * @param threads - intra-op threads of the session
 * @returns the subject, ready
 */
export async function open(folder: string, threads: number): Promise<Subject> {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const name = basename(folder);
  const processor = await AutoProcessor.from_pretrained(name, { local_files_only: true });
  const model = await SiglipVisionModel.from_pretrained(name, {
    local_files_only: true,
    dtype: 'fp32', // only says that the file's name has no suffix: the weights are what they are
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  const embed = async (image: Uint8Array) => {
    const raw = await RawImage.fromBlob(new Blob([image]));
    const inputs: unknown = await processor(raw);
    const { pooler_output } = (await model(inputs)) as { pooler_output: Tensor };
    return pooler_output.data as Float32Array;
  };
  return {
    embed,
    embedAll: (images) => inFlight(images, 2 * threads, embed),
    close: async () => {
      await model.dispose();
    },
  };
}
