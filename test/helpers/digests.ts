// What the tests of digests share: a hasher that counts, a clock that is ahead, records that lie.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Digests } from '../../dist/esm/models/digests.js';
import type { HashReply } from '../../dist/esm/pool/hash-worker.js';
import { Hasher } from '../../dist/esm/pool/hasher.js';

/** Larger than what is not worth a record. */
export const LARGE = 9 * 2 ** 20;

/** Remembers what it has read. */
export class CountingHasher extends Hasher {
  /** Paths, in order. */
  read: string[] = [];

  override async file(path: string, gitBlob = false): Promise<HashReply> {
    this.read.push(path);
    return super.file(path, gitBlob);
  }
}

/** @returns a time at which files that were written just now are old enough */
export function later(): number {
  return Date.now() + 10_000;
}

/**
 * @param hasher - reads
 * @param assets - where records are kept
 * @param believe - see {@link Digests}
 * @returns digests for which every file is old enough
 */
export function digestsIn(hasher: Hasher, assets: string, believe = true): Digests {
  return new Digests(hasher, assets, { now: later, believe });
}

/**
 * @param assets - where records are kept
 * @returns paths of the records
 */
export function recordsIn(assets: string): string[] {
  const folder = join(assets, 'digests');
  return readdirSync(folder).map((name) => join(folder, name));
}

/**
 * Makes a record say something else, as if the file had changed and nothing had shown it.
 * @param record - path of a record
 * @param sha256 - what it shall say
 */
export function forge(record: string, sha256: string): void {
  const { check, ...content } = JSON.parse(readFileSync(record, 'utf8')) as Record<string, unknown>;
  const seal = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');
  if (check !== seal(content)) throw new Error('the record is not what this helper takes it for');
  const forged = { ...content, sha256 };
  writeFileSync(record, `${JSON.stringify({ ...forged, check: seal(forged) })}\n`);
}
