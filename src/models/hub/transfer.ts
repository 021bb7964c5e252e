// The bytes of one file from the network to the disk, continued as often as the network breaks.
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { VisionError } from '../../errors.js';
import { syncHandle } from '../../sync.js';
import { Transient, retrying } from './answers.js';
import { ask, namedBy, subjectOf, type RemoteFile, type Source } from './remote-file.js';
import { RANGE_REFUSED, discard, type Watch } from './request.js';

/** What came is not what the hub promised. */
export class Mismatch extends Error {}

/**
 * Fetches a file into its partial file, after what is there already. A blob's name stands for one content, so whatever a
 * partial file of that name holds is the beginning of it; where the name is no hash, nothing can be continued.
 * @param source - where it comes from
 * @param file - what the hub said about it
 * @param partial - where it goes; stays as it is when this fails
 * @param onBytes - called with the bytes that are there
 * @throws {@link Mismatch} where more comes than the hub said, `HUB_ACCESS_DENIED`, `HUB_UNREACHABLE`, `MODEL_NOT_FOUND`,
 * `ABORTED`, errors of the file system
 */
export async function transfer(
  source: Source,
  file: RemoteFile,
  partial: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    const arrival = new Arrival(handle, (await handle.stat()).size, onBytes);
    await retrying(() => receive(source, file, arrival), subjectOf(source), source.timing, source.signal);
    await syncHandle(handle);
  } finally {
    await handle.close();
  }
}

async function receive(source: Source, file: RemoteFile, arrival: Arrival): Promise<void> {
  const most = file.size ?? Infinity;
  if (arrival.size > most || namedBy(file.blob) === 'nothing') await arrival.restart();
  if (arrival.size === most) return;
  const before = arrival.highest;
  const range = arrival.size > 0 ? `${arrival.size}-` : undefined;
  try {
    await ask(source, { method: 'GET', follows: () => true, range }, async ({ response }, watch) => {
      if (!continues(response, arrival.size)) {
        const refused = response.status !== 200;
        if (refused) discard(response);
        await arrival.restart();
        if (refused) throw new Transient('it does not continue where the file broke off');
      }
      requireEnd(source, file, response);
      await read(response, arrival, most, watch, source.timing.idle);
      if (file.size !== undefined && arrival.size < file.size) throw new Transient('the answer ends early');
    });
  } catch (error) {
    if (error instanceof Transient) error.progressed = arrival.highest > before;
    throw error;
  }
}

// Without hash and size only HTTP itself tells the end of a file from the end of a connection.
function requireEnd(source: Source, file: RemoteFile, response: Response): void {
  if (file.size !== undefined || namedBy(file.blob) !== 'nothing') return;
  if (response.headers.has('content-length') || response.headers.has('transfer-encoding')) return;
  discard(response);
  throw new VisionError(
    'HUB_UNREACHABLE',
    `Expected a hash or a length of ${file.path} of ${source.repo} from ${source.settings.endpoint} but received neither ` +
      '(X-Linked-Etag or ETag, X-Linked-Size or Content-Length): a download that breaks off could not be told from a whole one.',
  );
}

function continues(response: Response, from: number): boolean {
  if (response.status !== 206) return response.status !== RANGE_REFUSED && from === 0;
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? NaN) === from;
}

async function read(
  response: Response,
  arrival: Arrival,
  most: number,
  watch: Watch,
  idleMs: number,
): Promise<void> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      watch.expect(idleMs);
      const piece = reader && (await watch.guard(reader.read()));
      watch.rest(); // a slow disk is not the server's fault
      if (piece === undefined || piece.done) return;
      const bytes = piece.value as Uint8Array;
      if (arrival.size + bytes.length > most) throw new Mismatch(`expected ${most} bytes but more came`);
      await arrival.append(bytes);
    }
  } finally {
    reader?.cancel().catch(() => undefined);
  }
}

/** A file that grows. */
class Arrival {
  /** Bytes that are there. */
  size: number;
  /** The most that were ever there: a server that starts anew each time makes no progress. */
  highest: number;
  readonly #handle: FileHandle;
  readonly #onBytes: (bytes: number) => void;

  constructor(handle: FileHandle, size: number, onBytes: (bytes: number) => void) {
    this.#handle = handle;
    this.size = size;
    this.highest = size;
    this.#onBytes = onBytes;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.size = 0;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, this.size);
      written += bytesWritten;
      this.size += bytesWritten;
    }
    this.highest = Math.max(this.highest, this.size);
    this.#onBytes(this.size);
  }
}
