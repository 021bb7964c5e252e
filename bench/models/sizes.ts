// The real models' sizes, from their config.json on the hub.
import type { TextSize, VisionSize } from './towers.js';

/** One checkpoint. */
export interface ModelSize {
  /** The hub's name. */
  id: string;
  vision: VisionSize;
  /** Undefined: the image tower alone is made. */
  text: TextSize | undefined;
  /** Keeps the weights in a file of their own, as the hub does for large models. */
  externalData: boolean;
}

const SO400M: VisionSize = { hidden: 1152, layers: 27, heads: 16, mlp: 4304, image: 384, patch: 14 };

/** By the names that the benchmarks use. */
export const MODEL_SIZES = {
  base: {
    id: 'siglip-base-patch16-224',
    vision: { hidden: 768, layers: 12, heads: 12, mlp: 3072, image: 224, patch: 16 },
    text: { hidden: 768, layers: 12, heads: 12, mlp: 3072, vocabulary: 32_000, positions: 64 },
    externalData: false,
  },
  so400m: { id: 'siglip-so400m-patch14-384', vision: SO400M, text: undefined, externalData: false },
  'so400m-external': {
    id: 'siglip-so400m-patch14-384-external',
    vision: SO400M,
    text: undefined,
    externalData: true,
  },
} satisfies Record<string, ModelSize>;

/** A name in {@link MODEL_SIZES}. */
export type ModelName = keyof typeof MODEL_SIZES;
