// How a model's cosines become probabilities: the scale and the bias that were trained with it, from whoever holds them.
import { VisionError, messageOf, type VisionErrorCode } from '../errors.js';
import { readGraphLogits } from '../optimize/graph-logits.js';
import type { FoundModel } from './found.js';
import { readCheckpointLogits } from './hub/checkpoint.js';
import { hubSettings } from './hub/settings.js';
import type { Logits } from './manifest.js';
import type { FetchOptions } from './model-options.js';

// The checkpoint is not there, or holds no such numbers.
const FINAL: VisionErrorCode[] = ['MODEL_NOT_FOUND', 'MODEL_INVALID'];

/**
 * Finds the numbers for a model: those the caller gave, those of the bundled model, those in a graph of both towers beside the
 * split ones, or those of the trained checkpoint on the hub, of whose file the header (about 100 KB) and the two are fetched;
 * the two are kept.
 * @param found - the model
 * @param options - how the hub may be asked
 * @returns the multiplier itself (not its logarithm) and the bias
 * @throws `ZERO_SHOT_UNSUPPORTED` when nobody holds them: they are never guessed; `MODEL_NOT_CACHED`,
 * `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `ABORTED`
 */
export async function readLogits(found: FoundModel, options: FetchOptions): Promise<Logits> {
  const { logits, entry, combined } = found;
  if (logits !== undefined) return { ...logits, source: 'option "model.logits"' };
  if (entry?.source === 'bundled') return entry.logits;
  if (combined !== undefined) {
    return { ...(await readGraphLogits(combined.path)), source: combined.path };
  }
  if (entry?.source === 'hub') {
    try {
      return await readCheckpointLogits(entry.checkpoint, hubSettings(options), options.signal);
    } catch (cause) {
      // What may be otherwise the next time is no property of the model.
      if (cause instanceof VisionError && !FINAL.includes(cause.code)) throw cause;
      throw unknown(found.id, `its checkpoint ${entry.checkpoint} cannot be read: ${messageOf(cause)}`, cause);
    }
  }
  throw unknown(found.id, 'no file of the model holds them');
}

function unknown(id: string, reason: string, cause?: unknown): VisionError {
  return new VisionError(
    'ZERO_SHOT_UNSUPPORTED',
    `The scale and the bias of "${id}" are not known (${reason}), so similarities cannot be turned into probabilities. ` +
      'Rank by similarity instead, put the graph of both towers (onnx/model.onnx) beside the others, or give them with ' +
      'the files: model: { ..., logits: { scale, bias } }.',
    { cause },
  );
}
