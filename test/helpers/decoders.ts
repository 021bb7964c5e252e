// Decoder processes in tests: has the preload loaded into them, and sees which of them live.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from './sharp.js';

/** What the preload does to a decoder process that meets an image; `file` is read or written, see there. */
export interface Action {
  kind: 'panic' | 'kill-once' | 'exit' | 'say' | 'hang';
  file?: string;
}

const PRELOAD = new URL('decoder-preload.mjs', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-decoders-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let names = 0;

/** @returns a path that names nothing yet; gone after the test */
export function freshPath(): string {
  return join(folder, String(++names));
}

/**
 * The variables that have decoder processes load the preload.
 * @param actions - SHA-256 of an image to what happens at it
 * @returns for the environment of this process or of another
 */
export function preloadVariables(actions: Record<string, Action> = {}) {
  return {
    NODE_OPTIONS: `--import=${PRELOAD}`,
    DECODER_PIDS: freshPath(),
    DECODER_ACTIONS: JSON.stringify(actions),
  };
}

/**
 * Sets variables of this process.
 * @param variables - name and value
 * @returns sets them back
 */
export function setVariables(variables: Record<string, string>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  };
}

/**
 * The processes that were ever started.
 * @param file - DECODER_PIDS or DECODER_HOLDERS
 * @returns their ids, oldest first
 */
export function startedDecoders(file: string): number[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
}

/**
 * @param pid - of a process
 * @returns whether it runs; one that has ended and is not yet collected by its parent does not
 */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return (
      process.platform !== 'linux' || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    );
  } catch {
    return false;
  }
}

/**
 * An AVIF that no other seed gives; `@napi-rs/image` decodes AVIFs.
 * @param seed - any integer
 * @returns its bytes
 */
export async function noiseAvif(seed: number): Promise<Buffer> {
  const data = Buffer.alloc(40 * 30 * 3, seed % 251);
  data.writeUInt32LE(seed);
  return sharp(data, { raw: { width: 40, height: 30, channels: 3 } })
    .avif({ lossless: true, effort: 0 })
    .toBuffer();
}
