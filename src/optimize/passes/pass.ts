// What a pass is: a change of a graph that keeps what it computes.
import type { Graph } from '../graph.js';
import type { PassReport } from './report.js';

/** Changes a graph without changing what it computes, beyond the last bits of floats. */
export type Pass = (graph: Graph) => PassReport;
