// semantic-vision embed: vectors of images as JSON lines on stdout, or as a NumPy matrix with the ids beside it.
import type { VisionError } from '../../errors.js';
import type { ImageEmbedding } from '../../index.js';
import type { Context } from '../context.js';
import { CommandError, EXIT, type ExitCode } from '../failure.js';
import type { RunFlags } from '../flags.js';
import { countAhead, listFiles } from '../inputs.js';
import { NpyWriter, type NpyFiles } from '../npy.js';
import { PassedOver } from '../passed-over.js';
import { selectImages } from '../select.js';
import { embedFiles, openVision } from '../vision.js';
import type { IrregularKind } from '../walk.js';

/** Options of the command. */
export interface EmbedFlags extends RunFlags {
  output?: string;
  null?: boolean;
}

// float32 needs nine significant digits at most to be read back to the bit; more only fill the line.
const DIGITS = 9;

interface Sink {
  put: (id: string, embedding: ImageEmbedding) => Promise<void>;
}

/**
 * Embeds files. A file that cannot be embedded is reported and left out.
 * @param paths - files, folders, `-` for a list on standard input
 * @param flags - of the command
 * @param context - of the command
 * @returns exit code: 1 when a file was left out
 * @throws `USAGE`, `OUTPUT_FAILED`, and what opening the model throws; `INTERRUPTED` after what was finished is written
 */
export async function embed(paths: string[], flags: EmbedFlags, context: Context): Promise<ExitCode> {
  const { output, signal } = context;
  const lists = paths.filter((path) => path === '-').length;
  if (lists > 1)
    throw new CommandError('USAGE', 'Expected - at most once: standard input can be read only once.');
  if (flags.null && lists === 0) throw new CommandError('USAGE', 'Expected - among the files with -0.');

  await using vision = await openVision(flags, context, { text: false, isolation: 'process' });
  const counts = { embedded: 0, failed: 0 };
  const passedOver = new PassedOver();
  const fail = (error: VisionError, path: string) => {
    counts.failed++;
    output.error(error, path);
  };
  const onIrregular = (kind: IrregularKind) => passedOver.addIrregular(kind);
  const list = { separator: flags.null ? '\0' : '\n', signal } as const;
  // A file that was named is meant, whatever it is: the library says what is wrong with it.
  const files = selectImages(listFiles(paths, { ...list, onUnreadable: fail, onIrregular }), {
    isInQuestion: ({ walked }) => walked,
    passedOver,
    onFail: (error, { id }) => fail(error, id),
    signal,
  });
  // Lines that scroll by on the terminal are progress enough.
  const bar = output.progress('Embedding', 'images', flags.output !== undefined || !output.stdoutIsTerminal);
  const ended = new AbortController();
  const ahead =
    bar.enabled && lists === 0
      ? countAhead(listFiles(paths, list), AbortSignal.any([signal, ended.signal]))
      : {};

  const run = async (sink: Sink) => {
    for await (const { file, result } of embedFiles(vision, files, signal)) {
      if (result.ok) {
        await sink.put(file.id, result.embedding);
        counts.embedded++;
      } else {
        if (file.found !== undefined && result.error.code === 'UNSUPPORTED_FORMAT')
          passedOver.add(file.found, true);
        fail(result.error, file.id);
      }
      const done = counts.embedded + counts.failed + passedOver.silent;
      bar.update(done, ahead.total, failedNote(counts.failed));
    }
  };
  try {
    if (flags.output === undefined) await run(lines(context));
    else await intoMatrix(flags.output, vision.model.dimensions, context, run, passedOver);
  } finally {
    ended.abort();
    bar.clear();
  }
  if (!passedOver.isEmpty) {
    // With a matrix the document that describes it says so.
    output.note(
      `Passed over: ${passedOver.toString()}.`,
      flags.output === undefined ? { passedOver } : undefined,
    );
  }
  return counts.failed === 0 ? EXIT.ok : EXIT.inputsFailed;
}

function lines({ output }: Context): Sink {
  return {
    put: async (id, { vector, dimensions, imageHash, model }) => {
      const numbers = Array.from(vector, (value) => Number(value.toPrecision(DIGITS)));
      await output.line({ id, imageHash, model, dimensions, vector: numbers });
    },
  };
}

async function intoMatrix(
  path: string,
  dimensions: number,
  { output, signal, keep }: Context,
  run: (sink: Sink) => Promise<void>,
  passedOver: PassedOver,
): Promise<void> {
  const writer = await NpyWriter.create(path, dimensions);
  const put: Sink['put'] = (id, { vector, imageHash, model }) =>
    writer.append(vector, { id, imageHash, model });
  let stopped: { cause: unknown } | undefined;
  let written: NpyFiles | undefined;
  try {
    await run({ put }).catch((cause: unknown) => {
      // Stopping keeps what is done; anything else would leave a matrix that nobody can tell from a whole one.
      if (!signal.aborted) throw cause;
      stopped = { cause };
    });
    written = await keep(() => writer.finish(stopped === undefined ? 'whole' : 'partial'));
  } catch (error) {
    await writer.discard();
    throw error;
  }
  const { rows } = writer;
  if (stopped !== undefined) {
    const kept =
      written === undefined
        ? 'No image was finished.'
        : `${written.path} holds the ${rows} images that were finished.`;
    throw new CommandError(
      'INTERRUPTED',
      written?.path === path ? kept : `${kept} ${path} is as it was.`,
      stopped,
    );
  }
  if (written === undefined) output.note(`No image was embedded: ${path} is as it was.`);
  await output.result(
    { output: written?.path ?? null, ids: written?.idsPath ?? null, rows, dimensions, passedOver },
    () =>
      written === undefined
        ? []
        : [`${written.path}: ${rows} x ${dimensions} float32, ids in ${written.idsPath}`],
  );
}

function failedNote(failed: number): string {
  return failed === 0 ? '' : `${failed} failed`;
}
