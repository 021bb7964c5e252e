// A model in the forms that are compared: each a folder of its own, its graph under the name that everybody opens.
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readModel } from '../../dist/esm/optimize/onnx/read.js';
import type { OnnxModel } from '../../dist/esm/optimize/onnx/model.js';
import { writeModel } from '../../dist/esm/optimize/onnx/write.js';
import { fuse } from '../../dist/esm/optimize/optimize.js';
import { quantize } from '../../dist/esm/optimize/quantize.js';
import { modelFolder } from './folder.js';
import type { ModelName } from './sizes.js';
import { withUnsignedWeights } from './unsigned.js';

/** What is made of the exported graph. */
export const VARIANTS = {
  /** As it is. */
  fp32: (exported: OnnxModel) => exported,
  /** Fused, signed weights: what this library makes. */
  ours: (exported: OnnxModel) => signed(fuse(exported).model),
  /** Signed weights, nothing fused: the better kind of file on the hub. */
  int8: signed,
  /** Unsigned weights: what hub files named `*_quantized` hold. */
  q8: (exported: OnnxModel) => withUnsignedWeights(signed(exported)),
} as const;

/** Name of a form. */
export type Variant = keyof typeof VARIANTS;

const GRAPH = join('onnx', 'vision_model.onnx');

/**
 * The folder of a form, in the hub's layout, image tower only; made if it is not there.
 * @param variant - which
 * @param name - of the model
 * @returns the folder
 */
export async function variantFolder(variant: Variant, name: ModelName = 'base'): Promise<string> {
  const base = await modelFolder(name);
  const folder = `${base}-${variant}`;
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}.tmp`;
  mkdirSync(join(draft, 'onnx'), { recursive: true });
  try {
    for (const file of ['config.json', 'preprocessor_config.json']) {
      copyFileSync(join(base, file), join(draft, file));
    }
    await writeModel(VARIANTS[variant](await readModel(join(base, GRAPH))), join(draft, GRAPH));
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function signed(model: OnnxModel): OnnxModel {
  quantize(model);
  return model;
}
