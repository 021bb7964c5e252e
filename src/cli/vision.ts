// What the commands that embed have in common: opening the model with a progress bar, and streaming files through it.
import {
  SemanticVision,
  type DownloadProgress,
  type Dtype,
  type EmbedResult,
  type Isolation,
  type OptimizeProgress,
} from '../index.js';
import type { ModelFlags, RunFlags } from './flags.js';
import type { Context } from './context.js';
import { forLibrary } from './names.js';
import type { FoundFile } from './walk.js';

/**
 * Loads the model that the flags name; a download shows its progress.
 * @param flags - `--model` and its kin, `--workers`, `--threads`, `--flatten`
 * @param context - of the command
 * @param needs - what it is for
 * @param needs.text - false leaves the text tower where it is, which may be a gigabyte away
 * @param needs.isolation - `process` for many files from anywhere: one that ends a decoder must not end the command
 * @returns the model, ready
 * @throws what `SemanticVision.create` throws
 */
export async function openVision(
  flags: RunFlags,
  context: Context,
  needs: { text: boolean; isolation?: Isolation },
): Promise<SemanticVision> {
  const { model, workers, threads, flatten } = flags;
  return withDownload(context, (progress) =>
    SemanticVision.create({
      model,
      workers,
      intraOpNumThreads: threads,
      flatten,
      ...sourceOptions(flags, context.signal),
      ...needs,
      onProgress: progress,
      onOptimize: optimizeBar(context),
    }),
  );
}

/**
 * The flags that say where a model comes from, as the library names them.
 * @param flags - of the command
 * @param signal - stops a download; what has arrived is kept
 * @returns options; what was not given is left out
 */
export function sourceOptions(flags: Omit<ModelFlags, 'model'>, signal: AbortSignal) {
  const { revision, cacheDir, localFilesOnly } = flags;
  // The library says which there are when it is none of them.
  const dtype = flags.dtype as Dtype | undefined;
  return { revision, dtype, cacheDir, localFilesOnly, signal };
}

/**
 * Shows a bar while something may be downloading.
 * @param context - of the command
 * @param work - gets the listener to pass on
 * @returns what the work returns
 */
export async function withDownload<T>(
  { output }: Context,
  work: (onProgress: (progress: DownloadProgress) => void) => Promise<T>,
): Promise<T> {
  const bar = output.progress('Downloading', 'bytes');
  try {
    return await work(({ bytes, total, file }) => bar.update(bytes, total, file));
  } finally {
    bar.clear();
  }
}

const STAGES: Record<OptimizeProgress['stage'], string> = {
  waiting: 'waiting for another process',
  reference: 'float32',
  calibrating: 'ranges',
  comparing: 'int8',
  ranking: 'layers',
};

/**
 * Shows a bar while a model is optimised. Downloading has one of its own: this one begins when that is over.
 * @param context - of the command
 * @returns the listener
 */
export function optimizeBar({ output }: Context): (progress: OptimizeProgress) => void {
  let bar: ReturnType<typeof output.progress> | undefined;
  return ({ stage, done, total, candidate }) => {
    bar ??= output.progress('Optimising', 'images');
    bar.update(done, total, stage === 'comparing' ? `${STAGES[stage]}, graph ${candidate}` : STAGES[stage]);
    if (stage === 'comparing' && done === total) bar.clear();
  };
}

/**
 * Embeds files as they come.
 * @param vision - the model
 * @param files - read no faster than they are embedded
 * @param signal - stops
 * @yields each file with its result, in the order of the files
 */
export async function* embedFiles<F extends FoundFile>(
  vision: SemanticVision,
  files: AsyncIterable<F>,
  signal: AbortSignal,
): AsyncGenerator<{ file: F; result: EmbedResult }, void, undefined> {
  const underWay: F[] = [];
  const paths = async function* () {
    for await (const file of files) {
      underWay.push(file);
      yield forLibrary(file.path);
    }
  };
  for await (const result of vision.embedImages(paths(), { signal })) {
    yield { file: underWay.shift() as F, result };
  }
}
