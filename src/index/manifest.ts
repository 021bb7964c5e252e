// The manifest of a stored index: what belongs together, and how to tell that it is whole.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, messageOf, VisionError } from '../errors.js';
import { type IndexSettings, requireInteger, requireModel, resolveSettings } from './settings.js';

/** Name of the manifest inside the folder. */
export const MANIFEST_NAME = 'manifest.json';

const FORMAT = 'semantic-vision-index';
const VERSION = 1;

/** One data file of a stored index. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** Of the whole file, in hex. */
  readonly sha256: string;
}

/** What the manifest says. */
export interface Manifest {
  readonly settings: IndexSettings;
  readonly model: string | undefined;
  /** Live entries. */
  readonly count: number;
  /** Vectors in the graph, deleted ones included. */
  readonly elements: number;
  readonly graph: StoredFile;
  readonly entries: StoredFile;
}

/**
 * Names the data files of a new generation.
 * @param suffix - 16 hex digits that no other generation has
 * @returns the names
 */
export function fileNames(suffix: string): { graph: string; entries: string; manifest: string } {
  return {
    graph: `graph-${suffix}.hnsw`,
    entries: `entries-${suffix}.jsonl`,
    manifest: `${MANIFEST_NAME}.${suffix}.tmp`,
  };
}

/** Every name that {@link fileNames} gives. */
export const GENERATION_FILE =
  /^(?:graph-[0-9a-f]{16}\.hnsw|entries-[0-9a-f]{16}\.jsonl|manifest\.json\.[0-9a-f]{16}\.tmp)$/;

/**
 * Writes a manifest as text. Its last line carries the hash of the rest: a flipped digit in `efSearch` must not go
 * unnoticed either.
 * @param manifest - what to say
 * @returns JSON
 */
export function formatManifest(manifest: Manifest): string {
  const { settings, model, count, elements, graph, entries } = manifest;
  const body = {
    format: FORMAT,
    version: VERSION,
    ...settings,
    model,
    count,
    elements,
    files: { graph, entries },
  };
  return `${JSON.stringify({ ...body, sha256: hashOf(body) }, null, 2)}\n`;
}

/**
 * Reads and checks the manifest of a folder.
 * @param folder - where the index is stored
 * @returns what it says
 * @throws VisionError `INDEX_NOT_FOUND`, `INDEX_CORRUPT`, `INPUT_UNREADABLE`
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_NAME);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const hint = 'Check the path, or save an index there first.';
      throw new VisionError('INDEX_NOT_FOUND', `Expected an index but found no file ${path}. ${hint}`, {
        cause,
      });
    }
    if (code === 'EISDIR') throw corrupt(path, 'a file', 'a folder', cause);
    throw new VisionError('INPUT_UNREADABLE', `Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw corrupt(path, 'JSON', `something else (${messageOf(cause)})`, cause);
  }
  return checkManifest(path, parsed);
}

function checkManifest(path: string, parsed: unknown): Manifest {
  const { sha256, ...body } = (parsed ?? {}) as Record<string, unknown>;
  if (body.format !== FORMAT) throw corrupt(path, `format "${FORMAT}"`, describe(body.format));
  if (body.version !== VERSION) {
    throw corrupt(
      path,
      `version ${VERSION}`,
      `${describe(body.version)}, written by another version of the library`,
    );
  }
  const actual = hashOf(body);
  if (sha256 !== actual) throw corrupt(path, `sha256 ${describe(sha256)}`, actual);
  // The hash only says that nothing changed since; what follows trusts no writer.
  try {
    const settings = resolveSettings(body);
    const most = Number.MAX_SAFE_INTEGER;
    const elements = requireInteger('"elements"', body.elements, 0, 2 ** 32 - 1, 'INVALID_ARGUMENT');
    const count = requireInteger('"count"', body.count, 0, elements, 'INVALID_ARGUMENT');
    const files = body.files as Record<'graph' | 'entries', Partial<Record<keyof StoredFile, unknown>>>;
    const file = (kind: 'graph' | 'entries'): StoredFile => {
      const { name, bytes, sha256: hash } = files[kind];
      // Our own names only: a manifest from elsewhere must not point out of its folder.
      if (typeof name !== 'string' || !name.startsWith(kind) || !GENERATION_FILE.test(name)) {
        throw new VisionError('INVALID_ARGUMENT', `"files.${kind}.name" is ${describe(name)}`);
      }
      return {
        name,
        bytes: requireInteger(`"${kind}.bytes"`, bytes, 0, most, 'INVALID_ARGUMENT'),
        sha256: String(hash),
      };
    };
    return {
      settings,
      model: requireModel(body.model),
      count,
      elements,
      graph: file('graph'),
      entries: file('entries'),
    };
  } catch (cause) {
    throw corrupt(path, 'a valid manifest', `one that is not: ${messageOf(cause)}`, cause);
  }
}

/**
 * The error for anything stored that is not what it should be.
 * @param path - the file
 * @param expected - what should be there
 * @param actual - what is there
 * @param cause - the error underneath, if there is one
 * @returns `INDEX_CORRUPT`
 */
export function corrupt(path: string, expected: string, actual: string, cause?: unknown): VisionError {
  return new VisionError(
    'INDEX_CORRUPT',
    `Expected ${expected} in ${path} but found ${actual}. Restore the folder from a backup, or build the index again.`,
    cause === undefined ? undefined : { cause },
  );
}

function hashOf(body: object): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}
