// The options that commands share, and the checks that turn their text into values.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { COLOUR_FORM, formatColour, parseColour } from '../colour.js';
import { CommandError } from './failure.js';
import { holdsBytes } from './names.js';
import type { OutputOptions } from './output.js';

/** Where a model comes from. */
export interface ModelFlags {
  model?: string;
  revision?: string;
  dtype?: string;
  cacheDir?: string;
  localFilesOnly?: boolean;
}

/** How a model runs. */
export interface RunFlags extends ModelFlags {
  workers?: number;
  threads?: number;
  /** `#rrggbb` */
  flatten?: string;
}

/** Options of every command. */
export type CommonFlags = OutputOptions;

/**
 * Refuses values that are no text: only files to read may have any name.
 * @param flags - of a command
 * @throws `USAGE`
 */
export function requireText(flags: object): void {
  for (const [name, value] of Object.entries(flags)) {
    const texts = [value as unknown].flat().filter((each) => typeof each === 'string');
    const wrong = texts.find(holdsBytes);
    if (wrong === undefined) continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new CommandError('USAGE', `Expected UTF-8 for --${flag} but received ${wrong}.`);
  }
}

/**
 * Adds the options that every command has.
 * @param command - to add to
 * @returns the same command
 */
export function withOutputFlags(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--json', 'print JSON on stdout, and errors as JSON on stderr')
    .option('-q, --quiet', 'no progress bar and no notes; errors are still printed');
}

/**
 * Adds the options that say where a model's files come from.
 * @param command - to add to
 * @returns the same command
 */
export function withSourceFlags(command: Command): Command {
  return withLocalFlag(withCacheFlags(command));
}

/**
 * Adds the options that say where the float32 files of a model come from.
 * @param command - to add to
 * @returns the same command
 */
export function withOriginFlags(command: Command): Command {
  return withLocalFlag(withPlaceFlags(command.optionsGroup('Model files:')));
}

function withLocalFlag(command: Command): Command {
  return command.option('--local-files-only', 'use the cache and never the network');
}

/**
 * Adds the options that say which files of a model are meant, for commands that fetch none.
 * @param command - to add to
 * @returns the same command
 */
export function withCacheFlags(command: Command): Command {
  return withPlaceFlags(
    command
      .optionsGroup('Model files:')
      .option(
        '--dtype <type>',
        'precision of the weights: auto, fp32, int8, fp16, ... (default: auto for hub models)',
      ),
  );
}

function withPlaceFlags(command: Command): Command {
  return command
    .option('--revision <name>', 'branch, tag or commit (default: the one this version pins)')
    .option(
      '--cache-dir <folder>',
      'where downloads are kept (default: $HF_HUB_CACHE, or the hub folder in $HF_HOME)',
    );
}

/**
 * Adds the options that say which model to run and how.
 * @param command - to add to
 * @returns the same command
 */
export function withRunFlags(command: Command): Command {
  return withSourceFlags(
    command
      .optionsGroup('Model:')
      .option('-m, --model <id>', 'name, hub id or local folder of the model (default: the bundled one)')
      .addOption(
        new Option('--workers <n>', 'worker threads: more for throughput').argParser(positiveInteger),
      )
      .addOption(
        new Option('--threads <n>', 'threads in each worker: more for latency').argParser(positiveInteger),
      )
      .addOption(
        new Option(
          '--flatten <#rrggbb>',
          'compose images with transparency over this colour (default: alpha is dropped)',
        ).argParser(colour),
      ),
  );
}

/**
 * Reads a whole number.
 * @param text - as given
 * @returns 1 or more
 * @throws InvalidArgumentError
 */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a whole number of 1 or more.');
}

/**
 * Reads a colour.
 * @param text - as given
 * @returns the same in lower case
 * @throws InvalidArgumentError
 */
export function colour(text: string): string {
  const value = parseColour(text);
  if (value !== undefined) return formatColour(value);
  throw new InvalidArgumentError(`Expected ${COLOUR_FORM}.`);
}

/**
 * Reads a least cosine.
 * @param text - as given
 * @returns above 0 and below 1
 * @throws InvalidArgumentError
 */
export function cosine(text: string): number {
  const value = Number(text);
  if (/^[\d.]+$/.test(text) && value > 0 && value < 1) return value;
  throw new InvalidArgumentError('Expected a number above 0 and below 1.');
}

/**
 * Reads a duration.
 * @param text - seconds
 * @returns more than 0
 * @throws InvalidArgumentError
 */
export function positiveSeconds(text: string): number {
  const value = Number(text);
  if (/^[\d.]+$/.test(text) && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number of seconds above 0.');
}

/**
 * Reads a list; the option may be given more than once.
 * @param text - items with commas between them
 * @param former - what earlier occurrences gave
 * @returns all items, without the blanks around them
 * @throws InvalidArgumentError
 */
export function commaList(text: string, former: readonly string[] = []): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes(''))
    throw new InvalidArgumentError('Expected names with commas between them, none empty.');
  return [...former, ...items];
}

/**
 * Checks the name of a matrix file.
 * @param text - a path
 * @returns the same
 * @throws InvalidArgumentError
 */
export function npyPath(text: string): string {
  if (/[^/\\]\.npy$/i.test(text)) return text;
  throw new InvalidArgumentError('Expected a file name that ends in .npy; JSON lines go to stdout.');
}
