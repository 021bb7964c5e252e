// What every command gets beside its arguments.
import type { Output } from './output.js';

/** The surroundings of a command. */
export interface Context {
  /** Prints. */
  output: Output;
  /** Fires when the command should stop and keep what it has. */
  signal: AbortSignal;
  /** Does what must be finished once it is begun, such as saving: a command that was asked to stop is not ended before. */
  keep: <T>(work: () => Promise<T>) => Promise<T>;
}
