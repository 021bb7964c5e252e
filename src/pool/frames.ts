// How a worker and its decoder process talk: frames of a small message and of bytes, over one socket.
//
// The message is JSON, so that a process whose memory a file has damaged can make nothing of it but plain data. The bytes
// follow as they are. One side waits in blocking calls, which costs no turn of an event loop and reads straight into a
// buffer of the announced length; the other takes what its socket gives.
import { readSync, writeSync } from 'node:fs';

/** A message and the bytes behind it. */
export interface Frame {
  message: unknown;
  bytes: Buffer<ArrayBuffer>;
}

const PREFIX_BYTES = 8;
const MOST_MESSAGE_BYTES = 1024 * 1024;

/**
 * What goes before the bytes.
 * @param message - what JSON can hold
 * @param byteLength - of the bytes
 * @returns both lengths, 32 bits little-endian each, and the message
 */
export function frameHead(message: object, byteLength: number): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.allocUnsafe(PREFIX_BYTES + json.length);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(byteLength, 4);
  head.set(json, PREFIX_BYTES);
  return head;
}

// Asks for one part after another, by its length.
function* frameParts(mostBytes: number): Generator<number, Frame, Buffer<ArrayBuffer>> {
  const prefix = yield PREFIX_BYTES;
  const [messageLength, byteLength] = [prefix.readUInt32LE(0), prefix.readUInt32LE(4)];
  if (messageLength > MOST_MESSAGE_BYTES || byteLength > mostBytes) {
    throw new Error(`a frame of ${messageLength} and ${byteLength} bytes is too long`);
  }
  const message: unknown = JSON.parse((yield messageLength).toString());
  return { message, bytes: yield byteLength };
}

/** Puts frames together from chunks of any length. */
export class FrameReader {
  readonly #mostBytes: number;
  readonly #onFrame: (frame: Frame) => void;
  #parts: ReturnType<typeof frameParts>;
  #part = Buffer.alloc(0);
  #filled = 0;
  #broken = false;

  /**
   * @param mostBytes - how many bytes a frame may have
   * @param onFrame - hears each frame
   */
  constructor(mostBytes: number, onFrame: (frame: Frame) => void) {
    this.#mostBytes = mostBytes;
    this.#onFrame = onFrame;
    this.#parts = frameParts(mostBytes);
    this.#next(this.#parts.next());
  }

  /**
   * Takes the next chunk.
   * @param chunk - copied from; may hold parts of several frames
   * @throws Error for what is no frame, and what `onFrame` throws; nothing can be read any more then
   */
  push(chunk: Uint8Array): void {
    if (this.#broken) throw new Error('nothing can be read behind what is no frame');
    try {
      this.#take(chunk);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  #take(chunk: Uint8Array): void {
    for (let offset = 0; ;) {
      const count = Math.min(chunk.length - offset, this.#part.length - this.#filled);
      this.#part.set(chunk.subarray(offset, offset + count), this.#filled);
      this.#filled += count;
      offset += count;
      if (this.#filled < this.#part.length) return;
      this.#next(this.#parts.next(this.#part));
    }
  }

  #next(step: IteratorResult<number, Frame>): void {
    if (step.done === true) {
      this.#onFrame(step.value);
      this.#parts = frameParts(this.#mostBytes);
      this.#next(this.#parts.next());
    } else {
      this.#part = Buffer.allocUnsafeSlow(step.value);
      this.#filled = 0;
    }
  }
}

/**
 * Waits for a frame, blocking.
 * @param descriptor - of a socket
 * @returns the frame; undefined at the end of the connection
 */
export function readFrame(descriptor: number): Frame | undefined {
  const parts = frameParts(Infinity);
  let step = parts.next();
  while (step.done !== true) {
    const part = readExactly(descriptor, step.value);
    if (part === undefined) return undefined;
    step = parts.next(part);
  }
  return step.value;
}

/**
 * Sends a frame, blocking.
 * @param descriptor - of a socket
 * @param message - what JSON can hold
 * @param bytes - what goes behind it
 */
export function writeFrame(descriptor: number, message: object, bytes: Uint8Array): void {
  for (const part of [frameHead(message, bytes.length), bytes]) {
    for (let offset = 0; offset < part.length;) offset += writeSync(descriptor, part, offset);
  }
}

function readExactly(descriptor: number, length: number): Buffer<ArrayBuffer> | undefined {
  const buffer = Buffer.allocUnsafeSlow(length);
  try {
    for (let filled = 0; filled < length;) {
      const count = readSync(descriptor, buffer, filled, length - filled, null);
      if (count === 0) return undefined;
      filled += count;
    }
  } catch (error) {
    // Windows says so of a pipe whose other end is closed; elsewhere unread bytes on that side become ECONNRESET.
    if (['EOF', 'EPIPE', 'ECONNRESET'].includes(String((error as NodeJS.ErrnoException).code)))
      return undefined;
    throw error;
  }
  return buffer;
}
