// semantic-vision model optimize
import { optimizeModel, type ModelOptimization } from '../../index.js';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../failure.js';
import type { ModelFlags } from '../flags.js';
import { table } from '../output.js';
import { bytes, duration } from '../progress.js';
import { optimizeBar, sourceOptions, withDownload } from '../vision.js';

/** Options of `model optimize`. */
export interface OptimizeFlags extends Omit<ModelFlags, 'model' | 'dtype'> {
  calibrate?: string;
  target?: number;
  force?: boolean;
}

/**
 * Makes a model's int8 form and prints what it costs.
 * @param id - its name, hub id or folder
 * @param flags - where it comes from, images, target
 * @param context - of the command
 * @returns exit code: 1 when the target is missed
 */
export async function modelOptimize(id: string, flags: OptimizeFlags, context: Context): Promise<ExitCode> {
  const { calibrate, target, force } = flags;
  const result = await withDownload(context, async (onProgress) => {
    const source = sourceOptions(flags, context.signal);
    return optimizeModel(id, {
      ...source,
      onProgress,
      onOptimize: optimizeBar(context),
      optimize: { calibrate, target, force },
    });
  });
  await context.output.result(result, () => reportText(result));
  return result.reached ? EXIT.ok : EXIT.inputsFailed;
}

function reportText(result: ModelOptimization): string[] {
  const { target, fused, plain, accuracy, images, layers, cost, reached, directory } = result;
  const graphs: [string, typeof accuracy][] = [
    ['float32, fused', fused],
    ['int8, every layer', plain],
    ...(result.kept.length + result.evened.length > 0
      ? ([['int8, guarded', accuracy]] as [string, typeof accuracy][])
      : []),
  ];
  const rows = graphs.map(([name, { meanCosine, minCosine, neighbourOverlap, similarityChange }]) => [
    name,
    meanCosine.toFixed(6),
    minCosine.toFixed(6),
    neighbourOverlap.toFixed(3),
    similarityChange.mean.toFixed(5),
    similarityChange.max.toFixed(5),
  ]);
  const head = ['GRAPH', 'MEAN COSINE', 'LEAST', 'NEIGHBOURS KEPT', 'SIMILARITY CHANGE', 'LARGEST'];
  const errors = new Map(layers.map(({ name, error }) => [name, error]));
  const named = (names: readonly string[]) =>
    names.map((name) => `  ${name} (alone ${((errors.get(name) ?? 0) * 100).toFixed(2)} % off)`);
  const { kept, evened } = result;
  // Where layers stay in float32, all others are evened out: no list tells anything.
  const list = kept.length === 0 && evened.length > 0;
  return [
    ...table([head, ...rows], [1, 2, 3, 4, 5]),
    `${images.compared} images; target: mean ${target.mean}, least ${target.min}: ${reached ? 'reached' : 'missed'}`,
    `${kept.length} of ${layers.length} layers stay in float32${kept.length > 0 ? ':' : ''}`,
    ...named(kept),
    `${evened.length} of ${layers.length} layers have their input evened out${list ? ':' : ''}`,
    ...(list ? named(evened) : []),
    ...(cost === null
      ? []
      : [
          `${bytes(cost.bytes.before)} -> ${bytes(cost.bytes.after)}, ` +
            `${cost.milliseconds.before.toFixed(1)} -> ${cost.milliseconds.after.toFixed(1)} ms an image, ` +
            `${(cost.float32Share * 100).toFixed(1)} % of the multiplications in float32`,
        ]),
    `${result.cached ? 'Made before, in' : 'Made in'} ${duration(result.seconds)} with ${bytes(result.peakBytes)} of memory`,
    directory ?? 'Nothing was written: choose a lower --target, other images, or --force.',
  ];
}
