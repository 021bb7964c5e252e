// Writes a matrix of vectors row by row as a NumPy .npy file, version 1.0: float32, C order.
import { access, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { messageOf } from '../errors.js';
import { syncHandle } from '../sync.js';
import { CommandError } from './failure.js';
import { json } from './printable.js';

// The number of rows is known only at the end, so the header has this size from the start, whatever it will say. The
// format wants a multiple of 64; the longest dictionary that two safe integers can give fits.
const HEADER_BYTES = 128;
const PREAMBLE = Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1');

/**
 * The header of a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 * @param rows - n, 0 or more
 * @param dimensions - d
 * @returns 128 bytes
 */
export function npyHeader(rows: number, dimensions: number): Buffer {
  const type = endianness() === 'LE' ? '<f4' : '>f4';
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${rows}, ${dimensions}), }`;
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  PREAMBLE.copy(header);
  header.writeUInt16LE(HEADER_BYTES - PREAMBLE.length - 2, PREAMBLE.length);
  header.write(dictionary, PREAMBLE.length + 2, 'latin1');
  header.write('\n', HEADER_BYTES - 1, 'latin1');
  return header;
}

/** Where a matrix is. */
export interface NpyFiles {
  /** Of the matrix. */
  path: string;
  /** Of what belongs to the rows. */
  idsPath: string;
}

/**
 * A .npy file that grows by rows, and beside it `NAME.ids.jsonl`: one JSON value per row, in the same order. Both are
 * written beside their places and renamed into them by {@link NpyWriter.finish}.
 */
export class NpyWriter {
  readonly #path: string;
  readonly #dimensions: number;
  readonly #matrix: FileHandle;
  readonly #ids: FileHandle;
  #rows = 0;

  private constructor(path: string, dimensions: number, matrix: FileHandle, ids: FileHandle) {
    this.#path = path;
    this.#dimensions = dimensions;
    this.#matrix = matrix;
    this.#ids = ids;
  }

  /** @returns rows so far */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Opens both files.
   * @param path - of the matrix; ends in `.npy`
   * @param dimensions - length of every row
   * @returns the writer
   * @throws `OUTPUT_FAILED`
   */
  static async create(path: string, dimensions: number): Promise<NpyWriter> {
    return attempt(path, async () => {
      const matrix = await open(temporary(path), 'w');
      try {
        await matrix.writeFile(npyHeader(0, dimensions));
        return new NpyWriter(path, dimensions, matrix, await open(temporary(idsPathOf(path)), 'w'));
      } catch (error) {
        await matrix.close();
        await rm(temporary(path), { force: true });
        throw error;
      }
    });
  }

  /**
   * Adds a row.
   * @param vector - `dimensions` long
   * @param about - what it belongs to; plain data
   * @throws `OUTPUT_FAILED`
   */
  async append(vector: Float32Array, about: unknown): Promise<void> {
    await attempt(this.#path, async () => {
      await this.#matrix.appendFile(Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength));
      await this.#ids.appendFile(`${json(about)}\n`);
    });
    this.#rows++;
  }

  /**
   * Writes the number of rows and puts both files into their places, unless that would cost more than it gives: what is
   * there already is not replaced by a matrix without rows, and by a partial one neither, which goes to
   * `NAME.partial.npy` then.
   * @param extent - whether all rows are there that were to come
   * @returns where both are; undefined where nothing was kept
   * @throws `OUTPUT_FAILED`
   */
  async finish(extent: 'whole' | 'partial'): Promise<NpyFiles | undefined> {
    const taken = await access(this.#path).then(
      () => true,
      () => false,
    );
    if (taken && this.#rows === 0) {
      await this.discard();
      return undefined;
    }
    const path = taken && extent === 'partial' ? this.#path.replace(/\.npy$/i, '.partial$&') : this.#path;
    const places = { path, idsPath: idsPathOf(path) };
    await attempt(path, async () => {
      await this.#matrix.write(npyHeader(this.#rows, this.#dimensions), 0, HEADER_BYTES, 0);
      for (const file of [this.#matrix, this.#ids]) {
        await syncHandle(file);
        await file.close();
      }
      // The matrix last: where it is, its ids are.
      await rename(temporary(idsPathOf(this.#path)), places.idsPath);
      await rename(temporary(this.#path), path);
    });
    return places;
  }

  /** Leaves nothing behind; never rejects. */
  async discard(): Promise<void> {
    await Promise.allSettled([this.#matrix.close(), this.#ids.close()]);
    const paths = [this.#path, idsPathOf(this.#path)];
    await Promise.allSettled(paths.map((path) => rm(temporary(path), { force: true })));
  }
}

function idsPathOf(path: string): string {
  return path.replace(/\.npy$/i, '.ids.jsonl');
}

function temporary(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CommandError('OUTPUT_FAILED', `Cannot write ${path}: ${messageOf(cause)}.`, { cause });
  }
}
