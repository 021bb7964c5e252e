// Decodes a worker's images in a process of its own: keeps one running, and tries an image that ended it once more.
import { VisionError } from '../errors.js';
import type { ImageHeader } from '../image/header.js';
import { DecoderChild, DecoderEnded, notStarted, type Decoded } from './decoder-child.js';
import type { DecoderStart } from './protocol.js';

// A process may be killed for no fault of its image's.
const ATTEMPTS = 2;
const START_ATTEMPTS = 3;
// What ends before it has its job cannot be the image's fault. But it has to end sometime.
const MOST_PROCESSES = 5;

/** A worker's decoder process and its successors. */
export class IsolatedDecoder {
  readonly #config: DecoderStart;
  #child: DecoderChild | undefined;

  /** @param config - what each process has to know */
  constructor(config: DecoderStart) {
    this.#config = config;
  }

  /**
   * Starts the process if none is running; one image's work and this must not overlap.
   * @returns the process
   * @throws `WORKER_FAILED`, `NATIVE_UNAVAILABLE`
   */
  async start(): Promise<DecoderChild> {
    if (this.#child?.alive === true) return this.#child;
    let ended: DecoderEnded | undefined;
    for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
      try {
        return (this.#child = await DecoderChild.start(this.#config));
      } catch (error) {
        if (!(error instanceof DecoderEnded)) throw error;
        ended = error;
      }
    }
    throw notStarted(`${ended?.how}, before it was ready`, ended);
  }

  /**
   * Decodes and resizes an image; one at a time.
   * @param bytes - the encoded image
   * @param header - what its header says
   * @returns the resized bytes, and the time that it took
   * @throws `DECODER_CRASHED` when two processes ended under it; those of {@link IsolatedDecoder.start}; the errors of
   * decoding
   */
  async decode(bytes: Uint8Array, header: ImageHeader): Promise<Decoded> {
    let crashes = 0;
    for (let processes = 1; ; processes++) {
      const child = await this.start();
      try {
        return await child.decode(bytes, header);
      } catch (error) {
        if (!(error instanceof DecoderEnded)) throw error;
        if (error.delivered && ++crashes === ATTEMPTS) throw crashed(header, error);
        if (processes === MOST_PROCESSES) throw notStarted(`${error.how}, again and again`, error);
      }
    }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    await this.#child?.end();
  }
}

function crashed({ format }: ImageHeader, cause: DecoderEnded): VisionError {
  return new VisionError(
    'DECODER_CRASHED',
    `This ${format.toUpperCase()} image has ended ${ATTEMPTS} decoder processes in a row; the last one ` +
      `${cause.how}. It is refused from now on. Convert it with another program, and report it if it looks sound.`,
    { cause },
  );
}
