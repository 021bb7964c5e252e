// Makes one call of the file system fail, whichever it is: import this file before what is to meet it.
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

type Call = (this: unknown, ...args: unknown[]) => unknown;
type Place = Record<string, Call>;

const PROMISED = [
  'access copyFile lstat mkdir open opendir readFile readdir readlink realpath rename rm rmdir',
  'stat statfs symlink unlink utimes writeFile',
].flatMap((names) => names.split(' '));
const SYNCHRONOUS = [
  'existsSync',
  'openSync',
  'readFileSync',
  'readSync',
  'statSync',
  'fstatSync',
  'writeSync',
];
const OF_HANDLES = ['read', 'stat', 'sync', 'write', 'writeFile', 'datasync', 'truncate'];

let left = Infinity;
let errno = 'EIO';
let hit: string | undefined;

// Modules are loaded by the same functions: those have to go on working, or nothing does.
const LOADED = /\.(m?js|cjs|mts|cts|ts|node|wasm)$|[\\/]package\.json$/;

function meets(name: string, first: unknown): boolean {
  if (left === Infinity || (typeof first === 'string' && LOADED.test(first))) return false;
  if (--left > 0) return false;
  left = Infinity;
  hit = `${name}(${typeof first === 'string' ? first : ''})`;
  return true;
}

function failure(name: string, path: unknown): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${errno}: injected, ${name}`);
  return Object.assign(error, {
    code: errno,
    syscall: name,
    errno: -5,
    ...(typeof path === 'string' && { path }),
  });
}

function wrap(place: Place, names: readonly string[], promised: boolean): void {
  for (const name of names) {
    const original = place[name];
    if (original === undefined) continue;
    place[name] = function (...args) {
      if (!meets(name, args[0])) return original.apply(this, args);
      if (name === 'existsSync') return false;
      const error = failure(name, args[0]);
      if (promised) return Promise.reject(error);
      throw error;
    };
  }
}

const handle = await open(fileURLToPath(import.meta.url));
wrap(Object.getPrototypeOf(handle) as Place, OF_HANDLES, true);
await handle.close();
wrap(fs.promises as unknown as Place, PROMISED, true);
wrap(fs as unknown as Place, SYNCHRONOUS, false);
syncBuiltinESMExports();

/**
 * Runs work with one call that fails.
 * @param call - which one, from 1
 * @param code - how
 * @param work - what to run
 * @returns the call that failed; undefined where there were fewer
 */
export async function withFault(
  call: number,
  code: string,
  work: () => Promise<void>,
): Promise<string | undefined> {
  [left, errno, hit] = [call, code, undefined];
  try {
    await work();
  } finally {
    left = Infinity;
  }
  return hit;
}
