// semantic-vision model list | pull | info | verify
import { dirname, normalize, resolve } from 'node:path';
import { listModels, modelInfo, pullModel, verifyModel } from '../../index.js';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../failure.js';
import type { ModelFlags } from '../flags.js';
import { table } from '../output.js';
import { bytes } from '../progress.js';
import { sourceOptions, withDownload } from '../vision.js';

const LONGEST_CELL = 32;

type SourceFlags = Omit<ModelFlags, 'model'>;

/** Options of `model verify`. */
export interface VerifyFlags extends SourceFlags {
  reference?: string;
}

/**
 * Lists the models known by name.
 * @param flags - `--cache-dir`
 * @param context - of the command
 * @returns exit code
 */
export async function modelList(flags: Pick<SourceFlags, 'cacheDir'>, context: Context): Promise<ExitCode> {
  const models = await listModels({ cacheDir: flags.cacheDir });
  await context.output.result(models, () =>
    table(
      [
        ['MODEL', 'DIM', 'PIXELS', 'ON DISK', 'LICENCE', 'DESCRIPTION'],
        ...models.map(({ id, source, dimensions, imageSize, cached, licence, description }) => [
          id,
          String(dimensions),
          String(imageSize),
          source === 'bundled' ? 'bundled' : cached.join(',') || '-',
          licence,
          description,
        ]),
      ],
      [1, 2],
    ),
  );
  return EXIT.ok;
}

/**
 * Downloads a model into the cache, or finishes a download that was interrupted.
 * @param id - its name or hub id
 * @param flags - where from and where to
 * @param context - of the command
 * @returns exit code
 */
export async function modelPull(id: string, flags: SourceFlags, context: Context): Promise<ExitCode> {
  const pulled = await withDownload(context, (onProgress) =>
    pullModel(id, { ...sourceOptions(flags, context.signal), onProgress }),
  );
  const size = pulled.files.reduce((sum, file) => sum + file.size, 0);
  const { id: name, revision, dtype } = pulled;
  context.output.note(`${name} at ${revision}, ${dtype}: ${pulled.files.length} files, ${bytes(size)}`);
  if (pulled.logitsProblem !== null)
    context.output.note(`classify will not work with it: ${pulled.logitsProblem}`);
  // The folder alone, as scripts want it.
  await context.output.result(pulled, () => [folderOf(pulled.files)]);
  return EXIT.ok;
}

/**
 * Shows what is known of a model that is on this machine.
 * @param id - its name, hub id or folder
 * @param flags - where it comes from
 * @param context - of the command
 * @returns exit code
 */
export async function showModel(
  id: string,
  flags: Omit<SourceFlags, 'localFilesOnly'>,
  { output, signal }: Context,
): Promise<ExitCode> {
  const details = await modelInfo(id, sourceOptions(flags, signal));
  await output.result(details, () => table(flatten(details)));
  return EXIT.ok;
}

/**
 * Runs a model's reference values and compares.
 * @param id - its name or hub id
 * @param flags - where it comes from
 * @param context - of the command
 * @returns exit code: 1 when a value is off
 */
export async function modelVerify(id: string, flags: VerifyFlags, context: Context): Promise<ExitCode> {
  const { reference } = flags;
  const report = await withDownload(context, (onProgress) =>
    verifyModel(id, { ...sourceOptions(flags, context.signal), reference, onProgress }),
  );
  await context.output.result(report, () => {
    const off = report.checks.filter(({ ok }) => !ok).length;
    const all = report.checks.length;
    const verdict =
      all === 0 ? 'nothing is published to compare with' : `${all - off} of ${all} as published`;
    const rows = report.checks.map(({ name, expected, actual, difference, tolerance, ok }) => [
      ok ? 'ok' : 'OFF',
      name,
      ...(ok ? [expected, actual].map(shortened) : [expected, actual]),
      difference?.toExponential(1) ?? '-',
      tolerance?.toExponential(1) ?? '-',
    ]);
    const head = ['', 'CHECK', 'EXPECTED', 'GOT', 'DIFFERENCE', 'TOLERANCE'];
    const summary = `${report.id} at ${report.revision}, ${report.dtype}: ${verdict}`;
    return all === 0 ? [summary] : [...table([head, ...rows]), summary];
  });
  return report.ok ? EXIT.ok : EXIT.inputsFailed;
}

// A hash that is right need not be read to its end.
function shortened(text: string): string {
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL - 3)}...` : text;
}

// Files are named relative to the folder that holds them all.
function folderOf([first]: readonly { name: string; path: string }[]): string {
  if (first === undefined) return '';
  return first.path.endsWith(normalize(first.name))
    ? resolve(first.path.slice(0, -first.name.length))
    : dirname(first.path);
}

// Nested values as rows of two cells: `files.0.path`, `...`.
function flatten(value: unknown, name = ''): string[][] {
  if (typeof value !== 'object' || value === null) return [[name, cell(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return [[name, value.join(', ')]];
  return Object.entries(value).flatMap(([key, item]) => flatten(item, name === '' ? key : `${name}.${key}`));
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '-' : JSON.stringify(value);
}
