// SHA-256 that never holds up the event loop: small inputs at once, large ones and files in a thread of their own.
import { createHash } from 'node:crypto';
import { Piscina } from 'piscina';
import { VisionError, messageOf } from '../errors.js';
import { ExitGate, workerEntry } from './exit-gate.js';
import type { HashJob, HashReply, OwnBytes } from './hash-worker.js';

// 256 KiB take about 0.2 ms where the CPU has SHA instructions: less than the way to another thread and back.
const INLINE_BYTES = 256 * 1024;
const IDLE_MS = 10_000;

/** Hashes bytes and files; its thread starts when first needed and ends when idle. */
export class Hasher {
  readonly #running = new Set<Promise<HashReply>>();
  #piscina: Piscina<HashJob, HashReply> | undefined;
  #gate: ExitGate | undefined;
  #closed = false;

  /**
   * SHA-256 of a prefix followed by bytes.
   * @param bytes - a whole buffer; it may be moved away, to be used on as what is returned
   * @param prefix - text that goes before them
   * @returns lower-case hex, and the bytes
   * @throws `WORKER_FAILED` when the hashing thread ends unexpectedly, `CLOSED`
   */
  async bytes(bytes: OwnBytes, prefix = ''): Promise<{ sha256: string; bytes: OwnBytes }> {
    this.#checkOpen();
    if (bytes.length <= INLINE_BYTES) {
      return { sha256: createHash('sha256').update(prefix).update(bytes).digest('hex'), bytes };
    }
    const reply = await this.#run({ prefix, bytes }, [bytes.buffer]);
    if (!reply.ok || reply.bytes === undefined)
      throw new VisionError('WORKER_FAILED', 'Hashing failed. Retry.');
    return { sha256: reply.sha256, bytes: reply.bytes };
  }

  /**
   * SHA-256 and size of a file.
   * @param path - the file
   * @param gitBlob - whether the reply shall hold the SHA-1 by which git names this content as well
   * @returns the reply; a file that cannot be read is a reply too
   * @throws `WORKER_FAILED` when the hashing thread ends unexpectedly, `CLOSED`
   */
  async file(path: string, gitBlob = false): Promise<HashReply> {
    this.#checkOpen();
    return this.#run({ path, gitBlob });
  }

  /** Lets the hashes under way finish, then ends the thread. What comes later is refused: nothing would end its thread. */
  async close(): Promise<void> {
    this.#closed = true;
    // piscina takes the late answer of a thread that it has dropped for an error.
    await Promise.allSettled(this.#running);
    await this.#piscina?.destroy();
    this.#gate?.release();
  }

  #checkOpen(): void {
    if (this.#closed) throw new VisionError('CLOSED', 'The hasher is closed: its owner has ended.');
  }

  async #run(job: HashJob, transferList: ArrayBuffer[] = []): Promise<HashReply> {
    const running = this.#hash(job, transferList);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #hash(job: HashJob, transferList: ArrayBuffer[]): Promise<HashReply> {
    this.#piscina ??= this.#start();
    try {
      return await this.#piscina.run(job, { transferList });
    } catch (cause) {
      throw new VisionError('WORKER_FAILED', `The hashing thread failed: ${messageOf(cause)}. Retry.`, {
        cause,
      });
    }
  }

  #start(): Piscina<HashJob, HashReply> {
    // For the thread's loading only: hashing itself can be ended anywhere.
    this.#gate = new ExitGate(0);
    const piscina = new Piscina<HashJob, HashReply>({
      filename: workerEntry(),
      workerData: { loading: this.#gate.loading('hash-worker.js') },
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      atomics: 'disabled',
      execArgv: [],
    });
    // An idle thread that dies has no job to fail; without a listener the event would end the process.
    piscina.on('error', () => undefined);
    return piscina;
  }
}
