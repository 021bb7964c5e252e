// Texts of one call that have to be computed: gathered, then handed to the workers in jobs of several.
import { VisionError } from './errors.js';
import type { Submission, WorkerPool } from './pool/pool.js';
import { TEXT_BATCH, type Embedded, type TextsEmbedded, type TextsJob } from './pool/protocol.js';
import type { Request } from './request.js';

interface Item {
  readonly text: string;
  readonly resolve: (reply: Embedded) => void;
  readonly reject: (error: unknown) => void;
  wanted: boolean;
  /** The job it went into. */
  job: Submission<TextsEmbedded> | undefined;
}

/** Every text has a submission of its own, as if it were alone; the jobs behind them are shared. */
export class TextBatch {
  readonly #pool: WorkerPool;
  readonly #request: Request;
  readonly #items: Item[] = [];

  /**
   * @param pool - where the jobs go
   * @param request - priority, and whether `maxQueue` applies
   */
  constructor(pool: WorkerPool, request: Request) {
    this.#pool = pool;
    this.#request = request;
  }

  /**
   * Adds a text.
   * @param text - to embed
   * @returns its submission, which starts with {@link TextBatch.submit}
   */
  add(text: string): Submission {
    let item!: Item;
    const result = new Promise<Embedded>((resolve, reject) => {
      item = { text, resolve, reject, wanted: true, job: undefined };
    });
    this.#items.push(item);
    return {
      result,
      promote: () => item.job?.promote(),
      cancel: () => this.#cancel(item),
    };
  }

  /** Hands in what was added. */
  submit(): void {
    for (let start = 0; start < this.#items.length; start += TEXT_BATCH) {
      this.#submit(this.#items.slice(start, start + TEXT_BATCH));
    }
  }

  #submit(items: readonly Item[]): void {
    const job: TextsJob = { kind: 'texts', texts: items.map(({ text }) => text) };
    try {
      const submission = this.#pool.submit(job, this.#request.priority, this.#request.bounded);
      for (const item of items) item.job = submission;
      submission.result.then(
        (reply) => settle(items, reply),
        (error: unknown) => items.forEach(({ reject }) => reject(error)),
      );
    } catch (error) {
      for (const { reject } of items) reject(error);
    }
  }

  // A job is dropped when nobody waits for any of its texts.
  #cancel(item: Item): boolean {
    item.wanted = false;
    const { job } = item;
    if (job === undefined || this.#items.some((other) => other.job === job && other.wanted)) return false;
    return job.cancel();
  }
}

function settle(items: readonly Item[], { vectors, failures }: TextsEmbedded): void {
  const dimensions = vectors.length / items.length;
  for (const [i, { text, resolve, reject }] of items.entries()) {
    const failure = failures.find(({ index }) => index === i);
    if (failure === undefined) {
      resolve({ ok: true, vector: vectors.slice(i * dimensions, (i + 1) * dimensions) });
    } else {
      reject(
        new VisionError(
          failure.code,
          `${failure.message} The text was ${JSON.stringify(text.slice(0, 60))}.`,
        ),
      );
    }
  }
}
