// SHA-256 that never holds up the event loop: small inputs at once, large ones and files in a thread of their own.
import { createHash } from 'node:crypto';
import { VisionError, messageOf } from '../errors.js';
import { ExitGate } from './exit-gate.js';
import type { HashJob, HashReply, OwnBytes } from './hash-worker.js';
import { Thread, ThreadNotStarted } from './thread.js';

// 256 KiB take about 0.2 ms where the CPU has SHA instructions: less than the way to another thread and back.
const INLINE_BYTES = 256 * 1024;
const IDLE_MS = 10_000;

/** Hashes bytes and files; its thread starts when first needed and ends when idle. */
export class Hasher {
  // What is done last of all that was asked for: jobs follow one another.
  #last: Promise<unknown> = Promise.resolve();
  #thread: Thread<HashJob, HashReply> | undefined;
  #gate: ExitGate | undefined;
  #idle: NodeJS.Timeout | undefined;
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
    await this.#last;
    clearTimeout(this.#idle);
    await this.#thread?.end();
    this.#gate?.release();
  }

  #checkOpen(): void {
    if (this.#closed) throw new VisionError('CLOSED', 'The hasher is closed: its owner has ended.');
  }

  #run(job: HashJob, transferList: ArrayBuffer[] = []): Promise<HashReply> {
    const reply = this.#last.then(() => this.#hash(job, transferList));
    this.#last = reply.catch(() => undefined);
    return reply;
  }

  async #hash(job: HashJob, transferList: ArrayBuffer[]): Promise<HashReply> {
    clearTimeout(this.#idle);
    try {
      if (this.#thread?.ended !== false) this.#thread = this.#start();
      return await this.#thread.run(job, transferList);
    } catch (cause) {
      if (cause instanceof ThreadNotStarted) throw cause;
      throw new VisionError('WORKER_FAILED', `The hashing thread failed: ${messageOf(cause)}. Retry.`, {
        cause,
      });
    } finally {
      this.#idle = setTimeout(() => void this.#thread?.end(), IDLE_MS).unref();
    }
  }

  #start(): Thread<HashJob, HashReply> {
    // For the thread's loading only: hashing itself can be ended anywhere.
    this.#gate ??= new ExitGate(0);
    return new Thread({ loading: this.#gate.loading('hash-worker.js') });
  }
}
