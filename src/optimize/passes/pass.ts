// What a pass is and what it tells.
import type { Graph } from '../graph.js';

/** What one pass did. */
export interface PassReport {
  /** Of the pass. */
  name: string;
  /** How often its pattern was found and replaced. */
  found: number;
  /** Where something looked like the pattern but was left as it was. */
  left: { node: string; why: string }[];
}

/** Changes a graph without changing what it computes, beyond the last bits of floats. */
export type Pass = (graph: Graph) => PassReport;
