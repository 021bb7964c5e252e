// From a model in memory to an ONNX file, and a file of data beside it for what does not fit.
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VisionError } from '../../errors.js';
import { syncHandle } from '../../sync.js';
import { encodeModel, type Piece } from './encode.js';
import { externalPlace } from './external.js';
import { tensorsOf, type OnnxModel } from './model.js';
import { DataLocation } from './proto.js';

/** How a model is stored. */
export interface WriteOptions {
  /** Keep large initialisers in `NAME_data` beside the file `NAME`: for models of more than 2 GiB. Default false. */
  externalData?: boolean;
}

// Below this, an initialiser stays in the file: shapes and scales that the runtime reads while it builds the graph.
const EXTERNAL_MIN_BYTES = 1024;
const WRITE_BYTES = 1 << 20;
// What one write can move, with room: the kernel stops at 2 GiB.
const MAX_WRITE_BYTES = 1 << 28;

/**
 * Writes a model beside its final name and renames it, so that there is never half a file. What is written is not
 * copied in memory: tensors go to the file from where they are.
 * @param model - is not changed
 * @param path - the file
 * @param options - how
 * @throws `INVALID_ARGUMENT` when one file cannot hold it, or when it would replace the data that it is made of
 */
export async function writeModel(model: OnnxModel, path: string, options: WriteOptions = {}): Promise<void> {
  const dataPath = `${path}_data`;
  const external = options.externalData
    ? { location: basename(dataPath), minBytes: EXTERNAL_MIN_BYTES }
    : undefined;
  if (external) refuseOwnData(model, dataPath);
  const encoded = encodeModel(model, external);
  const suffix = `.${process.pid}.tmp`;
  try {
    await writePieces(path + suffix, encoded.model);
    if (external) await writePieces(dataPath + suffix, encoded.data);
    if (external) await rename(dataPath + suffix, dataPath);
    await rename(path + suffix, path);
  } catch (error) {
    await rm(path + suffix, { force: true });
    await rm(dataPath + suffix, { force: true });
    throw error;
  }
}

function refuseOwnData(model: OnnxModel, dataPath: string): void {
  for (const tensor of tensorsOf(model.graph)) {
    if (tensor.dataLocation !== DataLocation.EXTERNAL) continue;
    if (resolve(model.folder ?? '.', externalPlace(tensor).location) === resolve(dataPath)) {
      throw new VisionError(
        'INVALID_ARGUMENT',
        `Expected another path than ${join(dirname(dataPath), basename(dataPath, '_data'))}: its data file holds ` +
          'tensors of the model that is to be written.',
      );
    }
  }
}

async function writePieces(path: string, pieces: readonly Piece[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    let small: Uint8Array[] = [];
    let smallBytes = 0;
    const flush = async () => {
      if (small.length > 0) await writeAll(Buffer.concat(small));
      small = [];
      smallBytes = 0;
    };
    const writeAll = async (bytes: Uint8Array) => {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await file.write(
          bytes,
          done,
          Math.min(bytes.length - done, MAX_WRITE_BYTES),
        );
        done += bytesWritten;
      }
    };
    for (const piece of pieces) {
      const bytes = piece.bytes();
      if (bytes.length >= WRITE_BYTES) {
        await flush();
        await writeAll(bytes);
        continue;
      }
      small.push(bytes);
      smallBytes += bytes.length;
      if (smallBytes >= WRITE_BYTES) await flush();
    }
    await flush();
    await syncHandle(file);
  } finally {
    await file.close();
  }
}
