// Saves work that takes long from time to time, in the background, so that little is lost whatever happens.

// Saving writes everything anew, so a large index saves less often: at most this part of the time goes into it.
const MOST_SHARE = 0.1;

/** Decides when to save, and does it beside the work. */
export class Checkpoints {
  readonly #save: () => Promise<void>;
  readonly #intervalMs: number;
  #saving: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  #dirty = false;
  #due: number;

  /**
   * @param save - writes everything there is
   * @param intervalMs - at least this long from the end of one save to the start of the next
   */
  constructor(save: () => Promise<void>, intervalMs: number) {
    this.#save = save;
    this.#intervalMs = intervalMs;
    this.#due = performance.now() + intervalMs;
  }

  /** There is something new to save. */
  changed(): void {
    this.#dirty = true;
  }

  /**
   * Starts a save if one is due.
   * @throws what an earlier save failed with
   */
  tick(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#dirty || this.#saving !== undefined || performance.now() < this.#due) return;
    this.#saving = this.#run();
  }

  /**
   * Waits for a save under way and saves what came after it.
   * @throws what saving fails with
   */
  async finish(): Promise<void> {
    await this.#saving;
    if (!this.#dirty && this.#failure === undefined) return;
    this.#dirty = false;
    await this.#save();
  }

  async #run(): Promise<void> {
    const started = performance.now();
    this.#dirty = false;
    try {
      await this.#save();
    } catch (error) {
      this.#failure = { error };
    }
    const ended = performance.now();
    this.#due = ended + Math.max(this.#intervalMs, (ended - started) / MOST_SHARE);
    this.#saving = undefined;
  }
}
