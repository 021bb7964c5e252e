// semantic-vision model list | pull | info | verify
import { listModels, modelInfo, pullModel, verifyModel } from '../api.js';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../failure.js';
import type { ModelFlags } from '../flags.js';
import { table } from '../output.js';
import { bytes } from '../progress.js';
import { sourceOptions, withDownload } from '../vision.js';

type SourceFlags = Omit<ModelFlags, 'model'>;

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
  context.output.note(`${pulled.repo} at ${pulled.revision}: ${pulled.files.length} files, ${bytes(size)}`);
  // The folder alone, as scripts want it.
  await context.output.result(pulled, () => pulled.directory);
  return EXIT.ok;
}

/**
 * Shows what is known of a model.
 * @param id - its name, hub id or folder
 * @param flags - where it comes from
 * @param context - of the command
 * @returns exit code
 */
export async function showModel(id: string, flags: SourceFlags, context: Context): Promise<ExitCode> {
  const details = await withDownload(context, (onProgress) =>
    modelInfo(id, { ...sourceOptions(flags, context.signal), onProgress }),
  );
  await context.output.result(details, () => table(flatten(details)));
  return EXIT.ok;
}

/**
 * Runs a model's reference values and compares.
 * @param id - its name or hub id
 * @param flags - where it comes from
 * @param context - of the command
 * @returns exit code: 1 when a value is off
 */
export async function modelVerify(id: string, flags: SourceFlags, context: Context): Promise<ExitCode> {
  const report = await withDownload(context, (onProgress) =>
    verifyModel(id, { ...sourceOptions(flags, context.signal), onProgress }),
  );
  await context.output.result(report, () => {
    const off = report.checks.filter(({ ok }) => !ok).length;
    const verdict = off === 0 ? 'as published' : `${off} of ${report.checks.length} values are off`;
    const rows = report.checks.map(({ name, expected, actual, difference, tolerance, ok }) => [
      ok ? 'ok' : 'OFF',
      name,
      expected,
      actual,
      difference?.toExponential(1) ?? '-',
      tolerance?.toExponential(1) ?? '-',
    ]);
    const head = ['', 'CHECK', 'EXPECTED', 'GOT', 'DIFFERENCE', 'TOLERANCE'];
    return `${table([head, ...rows])}\n${report.id} at ${report.revision}: ${verdict}`;
  });
  return report.ok ? EXIT.ok : EXIT.inputsFailed;
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
