// Runs the passes over a model, in the order in which each finds what the ones before it left.
import { Graph } from './graph.js';
import type { OnnxModel } from './onnx/model.js';
import { dropIdentities } from './passes/drop-identities.js';
import { foldConstants } from './passes/fold-constants.js';
import { foldQuery } from './passes/fold-query.js';
import { fuseAttention } from './passes/fuse-attention.js';
import { fuseGelu } from './passes/fuse-gelu.js';
import { fuseLayerNorm } from './passes/fuse-layer-norm.js';
import { groundShapes } from './passes/ground-shapes.js';
import { keepPooledOutput } from './passes/keep-pooled-output.js';
import type { Pass } from './passes/pass.js';
import type { PassReport } from './passes/report.js';
import { removeDead } from './passes/remove-dead.js';

/** What fusing did to a model. */
export interface FusionReport {
  /** Whether any of the patterns was found: if not, the model is the one that was given. */
  recognised: boolean;
  /** One for each pass, in their order. */
  passes: PassReport[];
}

const PREPARE: readonly Pass[] = [
  keepPooledOutput,
  removeDead,
  foldConstants,
  groundShapes,
  dropIdentities,
  removeDead,
];
const FUSE: readonly Pass[] = [fuseLayerNorm, fuseAttention, foldQuery, fuseGelu];
const FINISH: readonly Pass[] = [removeDead];

/**
 * Fuses what exporters write out node by node into the operators that ONNX Runtime has kernels for, and keeps the
 * embedding as the only output.
 * @param model - is not changed; the result shares its tensors
 * @returns the fused model, or the same one when it holds none of the patterns, and what was found
 */
export function fuse(model: OnnxModel): { model: OnnxModel; report: FusionReport } {
  const graph = new Graph(model);
  const run = (passes: readonly Pass[]) => passes.map((pass) => pass(graph));
  const before = run(PREPARE);
  const fused = run(FUSE);
  const passes = [...before, ...fused, ...run(FINISH)];
  const recognised = fused.some(({ found }) => found > 0);
  return { model: recognised ? graph.model : model, report: { recognised, passes } };
}
