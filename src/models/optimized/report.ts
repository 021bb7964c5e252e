// What optimising a model did, as plain data: kept beside the graph, printed by the command line.
import type { Accuracy, AccuracyTarget } from '../../optimize/evaluate.js';
import type { PassReport } from '../../optimize/passes/report.js';

/** One layer that can be quantised. */
export interface OptimizedLayer {
  name: string;
  /** Channels that go in and come out. */
  inputs: number;
  outputs: number;
  /**
   * What quantising it alone changes in its own output, as a share of it (root mean square), 0 or more: with its
   * activation evened out where layers had to stay in float32. Null where the target held with every layer as it is.
   */
  error: number | null;
  /** Whether it stays in float32. */
  kept: boolean;
  /** Whether its activation is evened out in every run: each token, and where need be each channel, has its own scale. */
  evened: boolean;
}

/** What the optimised graph costs, against the float32 graph. */
export interface OptimizationCost {
  /** Of the graph's files. */
  bytes: { before: number; after: number };
  /** Share of the layers' multiplications that stay in float32, 0 to 1. */
  float32Share: number;
  /** Median of one image in the optimising process, which uses all CPUs. */
  milliseconds: { before: number; after: number };
}

/** The report. */
export interface OptimizationReport {
  /** Version of the optimiser. */
  version: number;
  /** Whether the target holds. */
  reached: boolean;
  target: AccuracyTarget;
  /** Images that were compared, and of them those that the activations' ranges come from. */
  images: { compared: number; calibrated: number };
  /** Which patterns of exporters were found and fused, and which were left. */
  fusions: PassReport[];
  /** Of the float32 graph with its operators fused, for the images that ranges come from. */
  fused: Accuracy;
  /** With every layer quantised. */
  plain: Accuracy;
  /** Of the graph that was written. */
  accuracy: Accuracy;
  /** In the order in which they run. */
  layers: OptimizedLayer[];
  /** Layers that stay in float32, the most sensitive first. */
  kept: string[];
  /** Layers in bytes whose activation is evened out, the most sensitive first. */
  evened: string[];
  /** Null when no graph was written. */
  cost: OptimizationCost | null;
  /** Graphs that were made and run to find them. */
  candidates: number;
  /** What optimising took: seconds, and most bytes of memory at once. */
  seconds: number;
  peakBytes: number;
  /** Files of the graph, that of the nodes first; empty when none was written. */
  files: { name: string; bytes: number; sha256: string }[];
}

/** How far optimising is. */
export interface OptimizeProgress {
  /**
   * `waiting` for another process, `reference`: the float32 graph is run; `calibrating`: the activations' ranges are
   * found; `comparing`: a quantised graph is run; `ranking`: layers are compared.
   */
  stage: 'waiting' | 'reference' | 'calibrating' | 'comparing' | 'ranking';
  /** Images of this stage so far. */
  done: number;
  total: number;
  /** Number of the graph that is being compared, from 1. */
  candidate: number;
}
