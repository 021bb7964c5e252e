// Texts of one call that have to be computed: gathered, then handed to the workers a few jobs at a time.
import { VisionError } from './errors.js';
import type { Submission, WorkerPool } from './pool/pool.js';
import { TEXT_BATCH, type Embedded, type PreparedGraph, type TextsEmbedded } from './pool/protocol.js';
import type { Request } from './request.js';

interface Item {
  readonly text: string;
  readonly resolve: (reply: Embedded) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Every text has a submission of its own, as if it were alone; the jobs behind them are shared. A batch bounds itself: its
 * first job counts for `maxQueue` as any request does, the others follow as those before them end.
 */
export class TextBatch {
  readonly #pool: WorkerPool;
  readonly #window: number;
  readonly #running = new Set<Submission<TextsEmbedded>>();
  // In the order they came; what is cancelled leaves.
  readonly #waiting = new Set<Item>();
  #priority: Request['priority'];
  #bounded: boolean;
  #prepared: PreparedGraph | undefined;

  /**
   * @param pool - where the jobs go
   * @param request - priority, and whether `maxQueue` applies
   * @param window - how many jobs may be handed in at once
   */
  constructor(pool: WorkerPool, request: Request, window: number) {
    this.#pool = pool;
    this.#window = window;
    this.#priority = request.priority;
    this.#bounded = request.bounded;
  }

  /**
   * Adds a text.
   * @param text - to embed
   * @returns its submission, which starts with {@link TextBatch.submit}; it can be cancelled until its job is handed in
   */
  add(text: string): Submission {
    let item!: Item;
    const result = new Promise<Embedded>((resolve, reject) => {
      item = { text, resolve, reject };
    });
    this.#waiting.add(item);
    return { result, promote: () => this.promote(), cancel: () => this.#waiting.delete(item) };
  }

  /**
   * Hands in as many jobs as may be under way; the others follow by themselves.
   * @param prepared - prepared form of the text tower, if there is one
   */
  submit(prepared: PreparedGraph | undefined): void {
    this.#prepared = prepared;
    this.#fill();
  }

  #fill(): void {
    while (this.#running.size < this.#window && this.#waiting.size > 0) {
      this.#start(this.#take(TEXT_BATCH));
    }
  }

  /** Moves what still waits to the interactive lane. */
  promote(): void {
    this.#priority = 'interactive';
    for (const job of this.#running) job.promote();
  }

  #take(most: number): Item[] {
    const items: Item[] = [];
    for (const item of this.#waiting) {
      items.push(item);
      this.#waiting.delete(item);
      if (items.length === most) break;
    }
    return items;
  }

  #start(items: readonly Item[]): void {
    const texts = items.map(({ text }) => text);
    let job: Submission<TextsEmbedded>;
    try {
      job = this.#pool.submit(
        { kind: 'texts', texts, prepared: this.#prepared },
        this.#priority,
        this.#bounded,
      );
    } catch (error) {
      // The pool takes nothing: the rest would fail in the same way.
      for (const { reject } of [...items, ...this.#waiting]) reject(error);
      this.#waiting.clear();
      return;
    }
    this.#bounded = false;
    this.#running.add(job);
    const next = (): void => {
      this.#running.delete(job);
      this.#fill();
    };
    job.result
      .then(
        (reply) => settle(items, reply),
        (error: unknown) => items.forEach(({ reject }) => reject(error)),
      )
      .finally(next);
  }
}

function settle(items: readonly Item[], { vectors, failures, shared }: TextsEmbedded): void {
  const dimensions = vectors.length / items.length;
  for (const [i, { text, resolve, reject }] of items.entries()) {
    const failure = failures.find(({ index }) => index === i);
    if (failure === undefined) {
      resolve({ ok: true, vector: vectors.slice(i * dimensions, (i + 1) * dimensions), shared });
    } else {
      const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
      reject(new VisionError(failure.code, `${failure.message} The text was ${shown}.`));
    }
  }
}
