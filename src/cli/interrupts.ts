// What ends a command early: the first Ctrl-C or SIGTERM asks it to stop, the second ends it; a reader that left stops it too.
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Why a command was asked to stop. */
export type StopReason = (typeof SIGNALS)[number] | 'EPIPE';

/** Turns signals into one AbortSignal, and knows the exit code that goes with it. */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #onSignal: (name: StopReason) => void;
  #reason: StopReason | undefined;

  /**
   * Starts listening.
   * @param onSignal - called for the first signal, before the abort
   */
  constructor(onSignal: (name: StopReason) => void) {
    this.#onSignal = onSignal;
    for (const name of SIGNALS) process.on(name, this.#receive);
  }

  /** @returns fires once */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @returns why the command was asked to stop, if it was */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  /** @returns the exit code of a stopped command: 128 + the signal's number; 0 when the reader left */
  get exitCode(): number | undefined {
    if (this.#reason === undefined) return undefined;
    return this.#reason === 'EPIPE' ? 0 : 128 + constants.signals[this.#reason];
  }

  /** Stops the command because nobody reads its output any more. */
  readerLeft(): void {
    this.#stop('EPIPE');
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    if (this.#reason !== undefined) {
      // The default way to die of a signal: at once, whatever native code is running, where process.exit() would wait
      // for it (docs/decisions/0004-exit-gate.md).
      for (const other of SIGNALS) process.off(other, this.#receive);
      process.kill(process.pid, name);
      return;
    }
    this.#onSignal(name as StopReason);
    this.#stop(name as StopReason);
  };

  #stop(reason: StopReason): void {
    this.#reason ??= reason;
    this.#controller.abort();
  }
}
