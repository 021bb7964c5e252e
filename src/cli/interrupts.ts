// What ends a command early: the first Ctrl-C or SIGTERM asks it to stop, the second ends it; a reader that left stops it too.
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
// Longer than an image takes, and than a reader that still reads. What is waited for beyond that cannot be told to stop: a
// file that does not open, a decoder that hangs, a reader that does not read.
const PATIENCE_MS = 5000;

/** Names of the signals. */
export type SignalName = (typeof SIGNALS)[number];

/** Why a command was asked to stop. */
export type StopReason = SignalName | 'EPIPE';

/** Who is told. */
export interface InterruptListeners {
  /** Called for the first signal, before the abort. */
  onSignal: (name: SignalName) => void;
  /** Called when the process is ended although it has not stopped. */
  onGiveUp: (name: SignalName) => void;
}

/** Turns signals into one AbortSignal, and knows the exit code that goes with it. */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #listeners: InterruptListeners;
  #reason: StopReason | undefined;
  #keeping = 0;
  #patience: NodeJS.Timeout | undefined;

  /**
   * Starts listening.
   * @param listeners - see {@link InterruptListeners}
   */
  constructor(listeners: InterruptListeners) {
    this.#listeners = listeners;
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

  /**
   * Does what must be finished once it is begun: the first signal does not end the process before, however long it takes.
   * @param work - saves
   * @returns what the work returns
   */
  async keep<T>(work: () => Promise<T>): Promise<T> {
    this.#keeping++;
    try {
      return await work();
    } finally {
      this.#keeping--;
      this.#patience?.refresh();
    }
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    const name = signal as SignalName;
    if (this.#reason !== undefined) {
      this.#end(name);
      return;
    }
    this.#listeners.onSignal(name);
    // Alone it keeps nothing alive.
    this.#patience = setTimeout(() => {
      if (this.#keeping > 0) return; // runs again after that
      this.#listeners.onGiveUp(name);
      this.#end(name);
    }, PATIENCE_MS).unref();
    this.#stop(name);
  };

  // The default way to die of a signal: at once, whatever native code is running, where process.exit() would wait for it
  // (docs/decisions/0004-exit-gate.md), and whatever hangs in libuv's threads, for which it would wait as well.
  #end(name: SignalName): void {
    for (const other of SIGNALS) process.off(other, this.#receive);
    process.kill(process.pid, name);
  }

  #stop(reason: StopReason): void {
    this.#reason ??= reason;
    this.#controller.abort();
  }
}
