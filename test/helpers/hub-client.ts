// What the tests of the hub share: a cache of their own, short patience, and a look at what is on the disk.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { DownloadProgress } from '../../dist/esm/types.js';
import { Digests } from '../../dist/esm/models/digests.js';
import type { HubSettings } from '../../dist/esm/models/hub/settings.js';
import type { HubFile } from '../../dist/esm/models/hub/cached-files.js';
import { HubSession, type HubSnapshot, type SessionRequest } from '../../dist/esm/models/hub/snapshot.js';
import { TIMING, type Timing } from '../../dist/esm/models/hub/timing.js';
import type { Hasher } from '../../dist/esm/pool/hasher.js';
import { gitBlob, sha256, type HubServer, type ServedFile } from './hub-server.js';

/** The repository of most tests. */
export const REPO = 'org/some-model';

/** As in use, but nobody waits between two tries. */
export const QUICK: Timing = { ...TIMING, firstDelay: 1, longestDelay: 4, lockPoll: 2 };

/**
 * @param seed - any integer
 * @returns numbers in [0, 1), the same ones for the same seed
 */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param size - in bytes
 * @param seed - any integer
 * @returns bytes that no other seed gives
 */
export function bytes(size: number, seed: number): Buffer {
  const next = random(seed);
  const words = Uint32Array.from({ length: Math.ceil(size / 4) }, () => next() * 2 ** 32);
  return Buffer.from(words.buffer, 0, size);
}

/**
 * @param size - in bytes
 * @param seed - any integer
 * @returns a file as large ones are served
 */
export function large(size: number, seed = size): ServedFile {
  return { content: bytes(size, seed), lfs: true };
}

/**
 * @param size - in bytes
 * @param seed - any integer
 * @returns a file as small ones are served
 */
export function small(size: number, seed = size): ServedFile {
  return { content: bytes(size, seed), lfs: false };
}

/**
 * @param request - which files of which revision
 * @param timing - patience
 * @returns the files, as one session brings them
 */
export async function fetchSnapshot(
  { files, ...request }: SessionRequest & { files: readonly HubFile[] },
  timing: Timing,
): Promise<HubSnapshot> {
  const session = new HubSession(request, timing);
  const snapshot = await session.get(files);
  await session.remember();
  return snapshot;
}

/** What a call may say differently. */
export interface Wish {
  repo?: string;
  revision?: string;
  files?: (string | HubFile)[];
  settings?: Partial<HubSettings>;
  signal?: AbortSignal;
  onProgress?: (progress: DownloadProgress) => void;
  timing?: Partial<Timing>;
  /** Default: ones that know nothing. */
  digests?: Digests;
}

/** A cache in a folder of its own. */
export class Client {
  /** Of the cache. */
  readonly directory: string;
  readonly #server: HubServer;
  readonly #hasher: Hasher;

  /**
   * @param server - where files come from
   * @param hasher - shared by the file's tests
   * @param where - folder to make the cache in
   */
  constructor(server: HubServer, hasher: Hasher, where = tmpdir()) {
    this.directory = mkdtempSync(join(where, 'semantic-vision-hub-'));
    this.#server = server;
    this.#hasher = hasher;
  }

  /**
   * @param wish - what to fetch, by default model.onnx and config.json of main
   * @returns the snapshot
   */
  async fetch(wish: Wish = {}): Promise<HubSnapshot> {
    const { files = ['model.onnx', 'config.json'], settings, timing, ...rest } = wish;
    return fetchSnapshot(
      {
        repo: REPO,
        revision: 'main',
        digests: new Digests(this.#hasher),
        ...rest,
        files: files.map((file) => (typeof file === 'string' ? { path: file } : file)),
        settings: {
          endpoint: this.#server.endpoint,
          cacheDirectory: this.directory,
          assetsDirectory: this.directory,
          token: undefined,
          offline: false,
          ...settings,
        },
      },
      { ...QUICK, ...timing },
    );
  }

  /**
   * @param parts - of a path below the repository's folder
   * @returns the path
   */
  path(...parts: string[]): string {
    return join(this.directory, `models--${REPO.replaceAll('/', '--')}`, ...parts);
  }

  /**
   * @param file - what is served
   * @returns where its content goes
   */
  blob({ content, lfs }: ServedFile): string {
    return this.path('blobs', lfs ? sha256(content) : gitBlob(content));
  }

  /** @returns every file and link in the cache, relative to it, sorted */
  list(): string[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory, { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.directory.length + 1))
      .sort();
  }

  /** Asserts that nothing but finished files, refs and markers is left. */
  isTidy(): void {
    assert.equal(
      this.list().filter((path) => /\.(lock|tmp|incomplete)$/.test(path)),
      [],
    );
  }

  /** Removes the cache. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * Asserts that a snapshot holds these contents and says so.
 * @param snapshot - what came
 * @param files - what is served
 */
export function holds(snapshot: HubSnapshot, files: Record<string, ServedFile>): void {
  assert.equal([...snapshot.files.keys()].sort(), Object.keys(files).sort());
  for (const [path, { content }] of Object.entries(files)) {
    const file = snapshot.files.get(path);
    assert.ok(file);
    assert.is(file.path, join(snapshot.directory, ...path.split('/')));
    assert.is(file.size, content.length);
    assert.is(file.sha256, sha256(content));
    assert.ok(readFileSync(file.path).equals(content), `${path} has another content`);
  }
}
