// Reads single numbers out of a safetensors file, wherever it is, without reading the rest.
// Format: https://github.com/huggingface/safetensors: 8 bytes length of the header, the header as JSON, the tensors.
import { VisionError, messageOf } from '../errors.js';

/** Gives `length` bytes from `start` on; fewer only at the end of the file. */
export type ReadRange = (start: number, length: number) => Promise<Buffer>;

const LENGTH_BYTES = 8;
// The format allows 100 MB; a checkpoint of a thousand tensors has 100 KB.
const MAX_HEADER_BYTES = 16 * 1024 * 1024;

const READERS: Readonly<Record<string, { bytes: number; read: (bytes: Buffer) => number }>> = {
  F64: { bytes: 8, read: (bytes) => bytes.readDoubleLE() },
  F32: { bytes: 4, read: (bytes) => bytes.readFloatLE() },
  // bfloat16 is the upper half of a float32.
  BF16: { bytes: 2, read: (bytes) => Buffer.from([0, 0, bytes[0] as number, bytes[1] as number]).readFloatLE() },
};

/**
 * Reads tensors of one element.
 * @param read - reads the file
 * @param names - of the tensors
 * @param file - its name, for messages
 * @returns a number a name
 * @throws `MODEL_INVALID` when it is no such file, or a tensor is missing or no single float; and what `read` throws
 */
export async function readScalars<Name extends string>(
  read: ReadRange,
  names: readonly Name[],
  file: string,
): Promise<Record<Name, number>> {
  const length = (await exactly(read, 0, LENGTH_BYTES, file)).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) throw invalid(file, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  const headerBytes = Number(length);
  const header = parseHeader(await exactly(read, LENGTH_BYTES, headerBytes, file), file);
  const scalars: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const { dtype, start } = entryOf(header, name, file);
    const reader = READERS[dtype];
    if (reader === undefined) throw invalid(file, `one of ${Object.keys(READERS).join(', ')} for "${name}"`, dtype);
    const bytes = await exactly(read, LENGTH_BYTES + headerBytes + start, reader.bytes, file);
    scalars[name] = reader.read(bytes);
  }
  return scalars as Record<Name, number>;
}

function parseHeader(bytes: Buffer, file: string): Readonly<Record<string, unknown>> {
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof header === 'object' && header !== null) return header as Record<string, unknown>;
  } catch (cause) {
    throw invalid(file, 'a header in JSON', messageOf(cause), cause);
  }
  throw invalid(file, 'an object as its header', 'something else');
}

function entryOf(header: Readonly<Record<string, unknown>>, name: string, file: string) {
  const entry = (Object.hasOwn(header, name) ? header[name] : {}) as {
    dtype?: unknown;
    shape?: unknown;
    data_offsets?: unknown;
  };
  const { dtype, shape, data_offsets: offsets } = entry;
  const isScalar = Array.isArray(shape) && shape.every((side) => side === 1);
  const start: unknown = Array.isArray(offsets) ? offsets[0] : undefined;
  if (typeof dtype !== 'string' || !isScalar || !Number.isSafeInteger(start) || (start as number) < 0) {
    throw invalid(file, `a tensor "${name}" of one element`, JSON.stringify(entry).slice(0, 100));
  }
  return { dtype, start: start as number };
}

async function exactly(read: ReadRange, start: number, length: number, file: string): Promise<Buffer> {
  const bytes = await read(start, length);
  if (bytes.length === length) return bytes;
  throw invalid(file, `${length} bytes at ${start}`, `${bytes.length}`);
}

function invalid(file: string, expected: string, actual: string, cause?: unknown): VisionError {
  const message = `Expected ${expected} in the safetensors file ${file} but found ${actual}.`;
  return new VisionError('MODEL_INVALID', message, { cause });
}
