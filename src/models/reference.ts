// A file of reference values, as `model verify --reference` takes it: checked once, so that what follows can rely on it.
import { invalidArgument, requireStrings } from '../request.js';
import type { ReferenceValues } from './manifest.js';
import { readJson } from './read-json.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads reference values.
 * @param path - a JSON file in the form of the manifest's `reference`
 * @returns at least one value
 * @throws `INVALID_ARGUMENT` naming the key that is not what it should be, `MODEL_NOT_FOUND` and `MODEL_INVALID` when the
 * file cannot be read or is no JSON
 */
export async function readReferenceFile(path: string): Promise<ReferenceValues> {
  const read = new Checked(path);
  const values = read.object(await readJson(path), 'the content');
  const tokens = read.list(values.tokens ?? [], 'tokens');
  const logits = read.list(values.logits ?? [], 'logits');
  if (tokens.length + logits.length === 0) {
    throw read.wrong('the content', 'values to compare with in "tokens" or "logits"', values);
  }
  tokens.forEach((entry, i) => {
    const { text, ids } = read.object(entry, `tokens[${i}]`);
    read.text(text, `tokens[${i}].text`);
    read.list(ids, `tokens[${i}].ids`).forEach((id, j) => {
      if (!Number.isInteger(id) || (id as number) < 0) {
        throw read.wrong(`tokens[${i}].ids[${j}]`, 'an integer of 0 or more', id);
      }
    });
  });
  logits.forEach((entry, i) => {
    const key = `logits[${i}]`;
    const { image, texts, values: numbers, tolerance } = read.object(entry, key);
    if (read.text(image, `${key}.image`) === '') throw read.wrong(`${key}.image`, 'a path or URL', image);
    requireStrings(texts, read.name(`${key}.texts`));
    const each = read.list(numbers, `${key}.values`);
    if (each.length !== texts.length) {
      throw read.wrong(`${key}.values`, `one number for each of the ${texts.length} texts`, numbers);
    }
    each.forEach((value, j) => read.number(value, `${key}.values[${j}]`));
    if (read.number(tolerance, `${key}.tolerance`) < 0) {
      throw read.wrong(`${key}.tolerance`, 'a number of 0 or more', tolerance);
    }
  });
  return values;
}

/** Checks values and says in which file they are. */
class Checked {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  name(key: string): string {
    return `${key} of ${this.#path}`;
  }

  wrong(key: string, expected: string, actual: unknown): Error {
    return invalidArgument(this.name(key), expected, actual);
  }

  object(value: unknown, key: string): Json {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    throw this.wrong(key, 'an object', value);
  }

  list(value: unknown, key: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    throw this.wrong(key, 'an array', value);
  }

  text(value: unknown, key: string): string {
    if (typeof value === 'string') return value;
    throw this.wrong(key, 'a string', value);
  }

  number(value: unknown, key: string): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.wrong(key, 'a finite number', value);
  }
}
