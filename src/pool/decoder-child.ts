// One decoder process, as its worker sees it: started, asked one thing at a time, ended, and what it died of.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { childEnvironment } from '../child-environment.js';
import { VisionError, messageOf } from '../errors.js';
import type { ImageHeader } from '../image/header.js';
import { packageRoot } from '../package-root.js';
import { checkedReply } from './decoder-reply.js';
import { errorOf } from './failure.js';
import { FrameReader, frameHead, type Frame } from './frames.js';
import { FRAMES, type DecoderReply, type DecoderStart } from './protocol.js';

/** The end of a decoder process while it starts or has a job, of itself or because it sent nonsense. */
export class DecoderEnded extends Error {
  /**
   * @param how - such as `ended with SIGABRT`, and what says most about it
   * @param lastWords - what it wrote before; in the message
   * @param delivered - whether all of the job had been sent: the process may have begun it
   */
  constructor(
    readonly how: string,
    lastWords: string,
    readonly delivered: boolean,
  ) {
    super(`The decoder process ${how}.${lastWords === '' ? '' : `\n${lastWords.trim()}`}`);
  }
}

/** What came back for an image. */
export interface Decoded extends Pick<Extract<DecoderReply, { ok: true }>, 'decode' | 'preprocess'> {
  resized: Uint8Array;
}

// It never speaks up where the executable is no Node but the program itself, packed up.
const START_PATIENCE_MS = 30_000;
// What it has started may hold its streams open for long after it.
const CLOSE_PATIENCE_MS = 200;
const LAST_WORDS_CHARACTERS = 2000;
// Standard input is what the child watches for our end. It prints nothing, and what a preload prints is not for our user.
const STDIO: StdioOptions = ['pipe', 'ignore', 'pipe', 'pipe'];

interface Answer {
  reply: DecoderReply;
  bytes: Uint8Array;
}

interface Asking {
  /** How many bytes a success has. */
  byteLength: number;
  delivered: boolean;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** A running decoder process. */
export class DecoderChild {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #resizedBytes: number;
  readonly #closed: Promise<void>;
  #lastWords = '';
  #asking: Asking | undefined;
  #alive = true;

  private constructor(child: ChildProcess, resizedBytes: number) {
    this.#child = child;
    this.#resizedBytes = resizedBytes;
    this.#socket = child.stdio[FRAMES] as Socket;
    const reader = new FrameReader(resizedBytes, (frame) => this.#accept(frame));
    // How it ended says more than a write that failed.
    for (const stream of [child, this.#socket, child.stdin, child.stderr])
      stream?.on('error', () => undefined);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS_CHARACTERS);
    });
    let nonsense: string | undefined;
    const read = (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        // Its memory may be damaged: nothing more of it is believed.
        nonsense = messageOf(error);
        this.#socket.off('data', read).destroy();
        child.kill('SIGKILL');
      }
    };
    this.#socket.on('data', read);
    this.#closed = new Promise((resolve) => {
      let patience: NodeJS.Timeout | undefined;
      child.once('exit', () => {
        this.#alive = false;
        patience = setTimeout(() => {
          for (const stream of [this.#socket, child.stdin, child.stderr]) stream?.destroy();
        }, CLOSE_PATIENCE_MS);
      });
      // Unlike "exit" it comes after all that was sent has been read.
      child.once('close', (code, signal) => {
        clearTimeout(patience);
        const asking = this.#settle();
        const how =
          nonsense === undefined
            ? `ended with ${signal ?? `code ${code}`}${quoted(this.#lastWords)}`
            : `sent what is no answer (${nonsense})`;
        asking?.reject(new DecoderEnded(how, this.#lastWords, asking.delivered));
        resolve();
      });
    });
  }

  /**
   * Starts one and waits until it is ready.
   * @param config - what it has to know
   * @returns the process
   * @throws {@link DecoderEnded}; `WORKER_FAILED` with the reason; what the process itself says, such as
   * `NATIVE_UNAVAILABLE`
   */
  static async start(config: DecoderStart): Promise<DecoderChild> {
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, [join(packageRoot(), 'dist', 'esm', 'pool', 'decoder-process.js')], {
        env: childEnvironment(),
        stdio: STDIO,
        windowsHide: true,
      });
      if (child.pid === undefined) throw ((await once(child, 'error')) as [Error])[0];
    } catch (cause) {
      throw notStarted(`could not be started: ${messageOf(cause)}`, cause);
    }
    const { height, width } = config.preprocess.cropSize;
    const started = new DecoderChild(child, 3 * height * width);
    const patience = AbortSignal.timeout(START_PATIENCE_MS);
    const kill = () => child.kill('SIGKILL');
    patience.addEventListener('abort', kill);
    try {
      await started.#ask(config, new Uint8Array(), 0);
      return started;
    } catch (error) {
      await started.end();
      throw patience.aborted ? notStarted(`said nothing for ${START_PATIENCE_MS / 1000} s`, error) : error;
    } finally {
      patience.removeEventListener('abort', kill);
    }
  }

  /** Whether it runs, as far as is known. */
  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Has an image decoded and resized; one at a time.
   * @param bytes - the encoded image
   * @param header - what its header says
   * @returns the resized bytes, and the time that it took
   * @throws {@link DecoderEnded}; the errors of decoding
   */
  async decode(bytes: Uint8Array, header: ImageHeader): Promise<Decoded> {
    return this.#ask(header, bytes, this.#resizedBytes);
  }

  /** Ends it, and waits for that; it holds nothing that would be lost. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  async #ask(message: object, bytes: Uint8Array, byteLength: number): Promise<Decoded> {
    const answer = new Promise<Answer>((resolve, reject) => {
      const asking: Asking = { byteLength, delivered: false, resolve, reject };
      this.#asking = asking;
      // Both are handed to the system as they are, in one call.
      this.#socket.cork();
      this.#socket.write(frameHead(message, bytes.length));
      this.#socket.write(bytes, (error) => (asking.delivered = !error));
      this.#socket.uncork();
    });
    const { reply, bytes: resized } = await answer;
    if (!reply.ok) throw errorOf(reply);
    return { resized, decode: reply.decode, preprocess: reply.preprocess };
  }

  #accept(frame: Frame): void {
    if (this.#asking === undefined) throw new Error('nothing was asked');
    const reply = checkedReply(frame, this.#asking.byteLength);
    this.#settle()?.resolve({ reply, bytes: frame.bytes });
  }

  #settle(): Asking | undefined {
    const asking = this.#asking;
    this.#asking = undefined;
    return asking;
  }
}

// Panics and uncaught errors surround the line that matters with others.
function quoted(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((each) => /error|panic/i.test(each) && !/^\s+at /.test(each)) ?? lines.at(-1);
  return line === undefined ? '' : ` ("${line.trim()}")`;
}

/**
 * The error for a decoder process that cannot be had.
 * @param how - what went wrong
 * @param cause - the error underneath
 * @returns a `WORKER_FAILED`
 */
export function notStarted(how: string, cause: unknown): VisionError {
  return new VisionError(
    'WORKER_FAILED',
    `The decoder process of option "isolation" ${how}. Check that this machine lets the program start processes, and enough of them: RLIMIT_NPROC ("ulimit -u"), the pids limit of a container.`,
    { cause },
  );
}
