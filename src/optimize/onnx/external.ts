// Tensors outside of the model's file: where they lie, checked, and their bytes, read when they are needed.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { VisionError, messageOf } from '../../errors.js';
import {
  StringStringEntryProtoSchema,
  create,
  type StringStringEntryProto,
  type TensorProto,
} from './proto.js';

/** Where a tensor lies: `length` bytes from byte `offset` of the file `location`. */
export interface ExternalPlace {
  /** Relative to the model's folder. */
  location: string;
  offset: number;
  /** Undefined: to the end of the file. */
  length: number | undefined;
}

// One read can move at most 2 GiB - 1.
const MAX_READ_BYTES = 1 << 30;

/**
 * @param tensor - one whose `data_location` is EXTERNAL
 * @returns where it lies
 * @throws `MODEL_INVALID` when that is not told properly, or leads out of the model's folder
 */
export function externalPlace(tensor: TensorProto): ExternalPlace {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  const offset = bytesIn(entries.get('offset') ?? '0');
  const length = entries.has('length') ? bytesIn(entries.get('length')) : undefined;
  const leaves =
    isAbsolute(location) || normalize(location).split(sep)[0] === '..' || location.includes('\0');
  if (location === '' || leaves || Number.isNaN(offset) || Number.isNaN(length)) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected a file in the model's folder, an offset and a length as the place of tensor "${tensor.name}" but ` +
        `found ${JSON.stringify(Object.fromEntries(entries)).slice(0, 200)}.`,
    );
  }
  return { location, offset, length };
}

/**
 * @param place - where a tensor lies
 * @returns the same as the entries of `external_data`
 */
export function externalEntries(place: ExternalPlace): StringStringEntryProto[] {
  return Object.entries(place)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => create(StringStringEntryProtoSchema, { key, value: String(value) }));
}

/**
 * Finds the size of a tensor outside, and that all of it is there.
 * @param folder - of the model
 * @param tensor - one whose `data_location` is EXTERNAL
 * @returns the file's path, the offset, and the length in bytes
 * @throws `MODEL_INVALID` when the file is too short, `MODEL_NOT_FOUND` when there is none
 */
export function locateExternal(folder: string | undefined, tensor: TensorProto) {
  const place = externalPlace(tensor);
  const path = join(folder ?? '.', place.location);
  let size: number;
  try {
    size = statSync(path).size;
  } catch (cause) {
    throw new VisionError(
      'MODEL_NOT_FOUND',
      `Tensor "${tensor.name}" lies in ${path}, which cannot be read: ${messageOf(cause)}.`,
      { cause },
    );
  }
  const length = place.length ?? size - place.offset;
  if (length < 0 || place.offset + length > size) {
    throw new VisionError(
      'MODEL_INVALID',
      `Tensor "${tensor.name}" is bytes ${place.offset} to ${place.offset + length} of ${path}, which has only ${size}.`,
    );
  }
  return { path, offset: place.offset, length };
}

/**
 * @param folder - of the model
 * @param tensor - one whose `data_location` is EXTERNAL
 * @returns its bytes, in a new buffer
 * @throws `MODEL_INVALID`, `MODEL_NOT_FOUND`
 */
export function readExternal(folder: string | undefined, tensor: TensorProto): Uint8Array {
  const { path, offset, length } = locateExternal(folder, tensor);
  const bytes = new Uint8Array(length);
  const file = openSync(path, 'r');
  try {
    let done = 0;
    while (done < length) {
      const count = readSync(file, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
      if (count === 0) throw new VisionError('MODEL_INVALID', `${path} became shorter while it was read.`);
      done += count;
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}

function bytesIn(text: string | undefined): number {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
