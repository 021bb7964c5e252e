// Stage 1, bytes enter: every kind of ImageInput becomes a private copy, checked and hashed.
import { VisionError, describe, expectedButReceived } from './errors.js';
import { readHeader } from './image/header.js';
import { checkRawImage } from './image/raw-image.js';
import { openFile, type OpenedFile } from './input-file.js';
import type { Hasher } from './pool/hasher.js';
import type { ImageJob, PixelsJob } from './pool/protocol.js';
import { isAnyArrayBuffer, isBlob, isUint8Array, isURL } from './realm.js';
import type { ImageInput, RawImage } from './types.js';

/** Limits on what is read at all. */
export interface InputLimits {
  limitInputBytes: number;
  limitInputPixels: number;
}

/** An input whose bytes are ours. */
export interface LoadedInput {
  /** See {@link ImageEmbedding.imageHash}. */
  hash: string;
  /**
   * Checks the header and makes the job for a worker; called when the cache does not know the hash.
   * @throws `UNSUPPORTED_FORMAT`, `DECODE_FAILED`, `TOO_MANY_PIXELS`
   */
  toJob: () => ImageJob | PixelsJob;
}

// Up to here a copy takes 2 to 3 ms at most and is made before the call returns; larger ones let the event loop run
// after each such slice.
const SLICE_BYTES = 8 * 1024 * 1024;

/**
 * Reads, copies and hashes an input.
 * @param input - path, file URL, bytes, Blob or pixels
 * @param limits - bounds
 * @param hasher - hashes off the event loop where it would take long
 * @returns the loaded input
 * @throws `INVALID_ARGUMENT`, `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `INPUT_EMPTY`, `TOO_MANY_BYTES`, `TOO_MANY_PIXELS`
 */
export async function loadInput(
  input: ImageInput,
  limits: InputLimits,
  hasher: Hasher,
): Promise<LoadedInput> {
  if (isRawImage(input)) return loadPixels(input, limits, hasher);
  const { sha256: hash, bytes } = await hasher.bytes(await readBytes(input, limits.limitInputBytes));
  return {
    hash,
    toJob: () => ({ kind: 'image', hash, bytes, header: readHeader(bytes, limits.limitInputPixels) }),
  };
}

async function loadPixels(image: RawImage, limits: InputLimits, hasher: Hasher): Promise<LoadedInput> {
  const { data: given, width, height, channels } = checkRawImage(image, limits.limitInputPixels);
  const { sha256: hash, bytes: data } = await hasher.bytes(
    await copied(given),
    `raw:${width}x${height}x${channels}\n`,
  );
  return { hash, toJob: () => ({ kind: 'pixels', hash, data, width, height, channels }) };
}

/**
 * Whether a value is meant as decoded pixels.
 * @param input - anything
 * @returns true for a plain object with a `data` key
 */
function isRawImage(input: unknown): input is RawImage {
  return typeof input === 'object' && input !== null && !ArrayBuffer.isView(input) && 'data' in input;
}

async function readBytes(
  input: Exclude<ImageInput, RawImage>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof input === 'string' || isURL(input)) return readFileBytes(await openFile(input), limit);
  if (isBlob(input)) {
    checkSize(input.size, limit, 'the Blob');
    return collect(input.stream(), input.size);
  }
  const view = isAnyArrayBuffer(input) ? viewOf(input) : (input as unknown);
  if (!isUint8Array(view)) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      expectedButReceived(
        'image',
        'a path, a file: URL, a Buffer, Uint8Array, ArrayBuffer or Blob with an encoded image, or { data, width, height, channels }',
        input,
      ),
    );
  }
  checkSize(view.length, limit, describe(input));
  return copied(view);
}

function viewOf(buffer: ArrayBufferLike): Uint8Array {
  try {
    return new Uint8Array(buffer);
  } catch (cause) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      'Expected an ArrayBuffer for image but received one that is detached.',
      {
        cause,
      },
    );
  }
}

async function readFileBytes(file: OpenedFile, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    checkSize(file.size, limit, file.name);
    const bytes = ownBytes(file.size);
    await file.readInto(bytes);
    return bytes;
  } finally {
    // Nobody has to wait until the descriptor is given back: that is a tenth of a cache hit.
    void file.close();
  }
}

function checkSize(size: number, limit: number, what: string): void {
  if (size === 0) {
    throw new VisionError('INPUT_EMPTY', `Expected an encoded image but ${what} holds zero bytes.`);
  }
  if (size > limit) {
    throw new VisionError(
      'TOO_MANY_BYTES',
      `Expected at most ${limit} bytes (option "limitInputBytes") but ${what} holds ${size}. ` +
        'Raise the limit if you trust the source.',
    );
  }
}

// Memory that goes to the hashing thread, back, and on to a worker by being transferred. Shared memory would save the ways
// back and forth, but V8 counts it as nothing and so never hurries to give it back. Every byte of it is written.
function ownBytes(size: number): Uint8Array<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(size);
}

async function copied(source: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const copy = ownBytes(source.length);
  for (let start = 0; start < copy.length; start += SLICE_BYTES) {
    if (start > 0) await new Promise(setImmediate);
    if (source.length !== copy.length) {
      throw new VisionError(
        'INVALID_ARGUMENT',
        'The buffer was transferred away or resized while it was being read. Keep it until the promise settles.',
      );
    }
    copy.set(source.subarray(start, start + SLICE_BYTES), start);
  }
  return copy;
}

async function collect(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = ownBytes(size);
  let offset = 0;
  try {
    for await (const chunk of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
  } catch (cause) {
    throw new VisionError('INPUT_UNREADABLE', 'The Blob could not be read.', { cause });
  }
  return bytes;
}
