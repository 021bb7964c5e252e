// The trials, in the order in which they run.
import type { Trial } from '../trial.js';
import { agreement } from './agreement.js';
import { cacheHit } from './cache-hit.js';
import { eventLoop } from './event-loop.js';
import { fileToTensor } from './file-to-tensor.js';
import { fsLatency } from './fs-latency.js';
import { fullSize } from './full-size.js';
import { isolation } from './isolation.js';
import { kernel } from './kernel.js';
import { latency } from './latency.js';
import { quantised } from './quantised.js';
import { search } from './search.js';
import { so400m } from './so400m.js';
import { stages } from './stages.js';
import { throughput } from './throughput.js';
import { weights } from './weights.js';

/** All trials. */
export const TRIALS: readonly Trial[] = [
  agreement,
  latency,
  throughput,
  cacheHit,
  eventLoop,
  fsLatency,
  stages,
  kernel,
  fileToTensor,
  isolation,
  quantised,
  fullSize,
  so400m,
  search,
  weights,
];
