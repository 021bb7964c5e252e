// Pillow as a judge of pictures, in a process of its own that is asked over pipes.
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Picture } from './picture.js';

const PYTHON = '/usr/bin/python3';
const SERVER = fileURLToPath(new URL('pillow.py', import.meta.url));
const TIMEOUT_MS = 5000;
const ALLOW_TRUNCATED = 1;
const UPRIGHT = 2;

/**
 * Whether there is a Pillow to ask.
 * @returns false without Python, Pillow or NumPy
 */
export function pillowIsThere(): boolean {
  return spawnSync(PYTHON, ['-c', 'import numpy, PIL']).status === 0;
}

/** The process, started when it is first asked and again after it has died or not answered in time. */
export class Pillow implements AsyncDisposable {
  #process: ChildProcessWithoutNullStreams | undefined;
  #received: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined;

  /**
   * Decodes a file. One at a time.
   * @param bytes - the file
   * @param options - how
   * @param options.truncated - with LOAD_TRUNCATED_IMAGES
   * @param options.upright - turned as its orientation says
   * @returns undefined when Pillow does not read it
   */
  async decode(
    bytes: Buffer,
    options: { truncated: boolean; upright: boolean },
  ): Promise<Picture | undefined> {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(bytes.length);
    head[4] = (options.truncated ? ALLOW_TRUNCATED : 0) | (options.upright ? UPRIGHT : 0);
    this.#process ??= this.#start();
    this.#process.stdin.write(Buffer.concat([head, bytes]));
    const sides = await this.#read(8);
    if (sides === undefined) return undefined;
    const [width, height] = [sides.readUInt32LE(0), sides.readUInt32LE(4)];
    if (width === 0) return undefined;
    const rgb = await this.#read(3 * width * height);
    return rgb && { rgb, width, height };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return;
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end();
    await exit;
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn(PYTHON, [SERVER]);
    this.#received = [];
    this.#length = 0;
    child.stdout.on('data', (data: Buffer) => {
      if (child !== this.#process) return;
      this.#received.push(data);
      this.#length += data.length;
      this.#wake?.();
    });
    child.stderr.resume(); // the warnings of its libraries
    child.stdin.on('error', () => undefined); // it has died: the exit says so
    child.once('exit', () => {
      if (child !== this.#process) return;
      this.#process = undefined;
      this.#wake?.();
    });
    return child;
  }

  async #read(length: number): Promise<Buffer | undefined> {
    const child = this.#process;
    const deadline = setTimeout(() => child?.kill('SIGKILL'), TIMEOUT_MS);
    while (this.#length < length && child === this.#process)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(deadline);
    if (child === undefined || child !== this.#process) return undefined;
    const all = Buffer.concat(this.#received);
    this.#received = [all.subarray(length)];
    this.#length -= length;
    return all.subarray(0, length);
  }
}
