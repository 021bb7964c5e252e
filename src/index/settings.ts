// Options of the vector index: defaults, ranges, and the checks that every caller-given value goes through once.
import { totalmem } from 'node:os';
import { expectedButReceived, VisionError } from '../errors.js';

/**
 * How two vectors are compared. `cosine`: direction only; `ip`: dot product; `l2`: Euclidean distance.
 */
export type IndexSpace = 'cosine' | 'ip' | 'l2';

/** Options of {@link VectorIndex.create}. */
export interface VectorIndexOptions {
  /** Length of every vector, 1 to 65536. */
  dimensions: number;
  /** Fingerprint of the model whose vectors go in. Default: that of the first {@link Embedding} added. */
  model?: string;
  /** How vectors are compared. Default `cosine`. */
  space?: IndexSpace;
  /** Links per node and level of the HNSW graph, 2 to 512. More: better recall, more memory. Default 16. */
  m?: number;
  /** Candidates looked at when a vector is added, 1 to 100000. More: better graph, slower add. Default 200. */
  efConstruction?: number;
  /** Candidates looked at when searching, 1 to 100000. More: better recall, slower search. Default 100. */
  efSearch?: number;
  /** Room made at the start, in vectors; the index grows past it by itself. Default 1024. */
  maxElements?: number;
}

/** The options of an index with every default filled in, as they are stored with it. */
export interface IndexSettings {
  readonly dimensions: number;
  readonly space: IndexSpace;
  readonly m: number;
  readonly efConstruction: number;
  readonly efSearch: number;
}

/** Room a new graph has unless `maxElements` says otherwise. */
export const DEFAULT_CAPACITY = 1024;

const SPACES: readonly unknown[] = ['cosine', 'ip', 'l2'];
const KNOWN_OPTIONS = ['dimensions', 'model', 'space', 'm', 'efConstruction', 'efSearch', 'maxElements'];

// The upper ends keep a typo from allocating all memory. m starts at 2 because hnswlib divides by log(m).
const RANGES = {
  dimensions: [1, 65_536],
  m: [2, 512],
  efConstruction: [1, 100_000],
  efSearch: [1, 100_000],
} as const;

/**
 * Checks the options of a new index and fills in the defaults.
 * @param options - as the caller gave them
 * @returns the settings, frozen, the model and the capacity to start with
 * @throws VisionError `INVALID_OPTION`
 */
export function resolveOptions(options: VectorIndexOptions): {
  settings: IndexSettings;
  model: string | undefined;
  capacity: number;
} {
  requireKnown(options, KNOWN_OPTIONS);
  const settings = resolveSettings({
    space: 'cosine',
    m: 16,
    efConstruction: 200,
    efSearch: 100,
    ...defined(options),
  });
  const capacity = options.maxElements ?? DEFAULT_CAPACITY;
  // hnswlib takes the room at once and ends the process when there is none.
  const most = Math.floor(totalmem() / (settings.dimensions * 4 + settings.m * 8 + 64));
  requireInteger('option "maxElements"', capacity, 1, Math.max(most, DEFAULT_CAPACITY), 'INVALID_OPTION');
  return { settings, model: requireModel(options.model), capacity };
}

/**
 * Checks the settings that an index is stored with.
 * @param given - settings from an unchecked source
 * @returns the same, typed and frozen
 * @throws VisionError `INVALID_OPTION`
 */
export function resolveSettings(given: Partial<Record<keyof IndexSettings, unknown>>): IndexSettings {
  if (!SPACES.includes(given.space)) {
    const expected = '"cosine", "ip" or "l2"';
    throw new VisionError('INVALID_OPTION', expectedButReceived('option "space"', expected, given.space));
  }
  const integer = (name: keyof typeof RANGES): number => {
    const [least, most] = RANGES[name];
    return requireInteger(`option "${name}"`, given[name], least, most, 'INVALID_OPTION');
  };
  return Object.freeze({
    dimensions: integer('dimensions'),
    space: given.space as IndexSpace,
    m: integer('m'),
    efConstruction: integer('efConstruction'),
    efSearch: integer('efSearch'),
  });
}

/**
 * Checks the number of dimensions that an index to open must have.
 * @param value - as the caller gave it
 * @returns the same; undefined stays undefined
 * @throws VisionError `INVALID_OPTION`
 */
export function requireDimensions(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return requireInteger('option "dimensions"', value, ...RANGES.dimensions, 'INVALID_OPTION');
}

/**
 * Checks an `efSearch` given for one search.
 * @param value - as the caller gave it
 * @returns the same
 * @throws VisionError `INVALID_OPTION`
 */
export function requireEfSearch(value: unknown): number {
  return requireInteger('option "efSearch"', value, ...RANGES.efSearch, 'INVALID_OPTION');
}

/**
 * Checks a model fingerprint.
 * @param value - as the caller gave it
 * @returns the same; undefined stays undefined
 * @throws VisionError `INVALID_OPTION`
 */
export function requireModel(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new VisionError(
    'INVALID_OPTION',
    expectedButReceived('option "model"', 'a model fingerprint', value),
  );
}

/**
 * Checks a whole number.
 * @param what - its name for the message
 * @param value - as the caller gave it
 * @param least - smallest value allowed
 * @param most - largest value allowed
 * @param code - what to throw
 * @returns the same
 * @throws VisionError with that code
 */
export function requireInteger(
  what: string,
  value: unknown,
  least: number,
  most: number,
  code: 'INVALID_OPTION' | 'INVALID_ARGUMENT',
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new VisionError(code, expectedButReceived(what, `an integer ${range}`, value));
}

/**
 * Refuses options that are no object, or that have a name nothing reads (most often a typo).
 * @param options - as the caller gave them
 * @param known - the names that are read
 * @throws VisionError `INVALID_OPTION`
 */
export function requireKnown(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new VisionError('INVALID_OPTION', expectedButReceived('options', 'an object', options));
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new VisionError(
      'INVALID_OPTION',
      `Unknown option "${unknown}": the options are ${known.join(', ')}.`,
    );
  }
}

// An option given as undefined is an option not given.
function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
