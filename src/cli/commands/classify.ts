// semantic-vision classify: how well each of a list of labels fits an image.
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../failure.js';
import type { RunFlags } from '../flags.js';
import { namedInput } from '../names.js';
import { table } from '../output.js';
import { openVision } from '../vision.js';

/** Options of the command. */
export interface ClassifyFlags extends RunFlags {
  labels: string[];
  template?: string;
}

/**
 * Scores labels, best first.
 * @param file - an image
 * @param flags - of the command
 * @param context - of the command
 * @returns exit code
 * @throws what `SemanticVision.classify` throws
 */
export async function classify(file: string, flags: ClassifyFlags, context: Context): Promise<ExitCode> {
  await using vision = await openVision(flags, context, { text: true });
  const { labels, template } = flags;
  const results = await vision.classify(await namedInput(file), labels, {
    template,
    signal: context.signal,
  });
  await context.output.result({ file, model: vision.model.id, results }, () =>
    table(
      [
        ['PROBABILITY', 'SIMILARITY', 'LABEL'],
        ...results.map(({ label, probability, similarity }) => [
          `${(100 * probability).toFixed(2)} %`,
          similarity.toFixed(4),
          label,
        ]),
      ],
      [0, 1],
    ),
  );
  return EXIT.ok;
}
