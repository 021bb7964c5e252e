// semantic-vision index build: embeds the images below a folder into an index, and only those that are new or changed.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { messageOf, VisionError } from '../../errors.js';
import type { ImageEmbedding, SemanticVision, VectorIndex } from '../../index.js';
import { Checkpoints } from '../checkpoints.js';
import type { Context } from '../context.js';
import { CommandError, EXIT, type ExitCode } from '../failure.js';
import type { RunFlags } from '../flags.js';
import { countAhead } from '../inputs.js';
import {
  openOrCreate,
  rememberModel,
  requireSameFlatten,
  withModelOf,
  type FileMetadata,
} from '../index-folder.js';
import { forSystem } from '../names.js';
import { PassedOver } from '../passed-over.js';
import type { ProgressBar } from '../progress.js';
import { selectImages } from '../select.js';
import { embedFiles, openVision } from '../vision.js';
import { walkFiles, type FoundFile, type IrregularKind } from '../walk.js';

/** Options of the command. */
export interface IndexBuildFlags extends RunFlags {
  output: string;
  prune?: boolean;
  checkpoint: number;
}

interface Candidate extends FoundFile {
  size: number;
  mtimeMs: number;
}

/**
 * Builds an index, or brings one up to date.
 * @param folder - walked for images; ids are relative to it
 * @param given - options of the command
 * @param context - of the command
 * @returns exit code: 1 when a file could not be indexed
 * @throws what opening the model and the index throws; `INTERRUPTED` after what was finished is saved
 */
export async function indexBuild(
  folder: string,
  given: IndexBuildFlags,
  context: Context,
): Promise<ExitCode> {
  await requireReadable(folder);
  await requireSameFlatten(given, given.output);
  const flags = await withModelOf(given, given.output);
  await using vision = await openVision(flags, context, { text: false, isolation: 'process' });
  const { index: opened, isNew } = await openOrCreate(flags.output, vision);
  await using index = opened;
  // Of a new index when it is saved: another build may have begun one of another model here, and be first.
  if (!isNew) await rememberModel(flags.output, flags, vision);
  const build = new IndexBuild(folder, flags, context, vision, index, isNew);
  await build.run();
  return build.failed === 0 ? EXIT.ok : EXIT.inputsFailed;
}

class IndexBuild {
  readonly #folder: string;
  readonly #flags: IndexBuildFlags;
  readonly #context: Context;
  readonly #vision: SemanticVision;
  readonly #index: VectorIndex<FileMetadata>;
  readonly #checkpoints: Checkpoints;
  // Ids whose file the walk has not met.
  readonly #unseen: Set<string>;
  readonly #counts = { added: 0, updated: 0, unchanged: 0, removed: 0, failed: 0 };
  readonly #passedOver = new PassedOver();
  // Whether the folder does not say yet what the index is built with.
  #isUnnamed: boolean;
  #unreadableFolders = 0;
  #bar: ProgressBar | undefined;
  #ahead: { readonly total?: number } = {};

  constructor(
    folder: string,
    flags: IndexBuildFlags,
    context: Context,
    vision: SemanticVision,
    index: VectorIndex<FileMetadata>,
    isNew: boolean,
  ) {
    this.#folder = folder;
    this.#flags = flags;
    this.#context = context;
    this.#vision = vision;
    this.#index = index;
    this.#isUnnamed = isNew;
    this.#checkpoints = new Checkpoints(() => this.#save(), flags.checkpoint * 1000);
    this.#unseen = new Set(index.ids());
  }

  /** @returns files and folders that could not be read or embedded */
  get failed(): number {
    return this.#counts.failed;
  }

  async run(): Promise<void> {
    const { signal, keep } = this.#context;
    let stopped: unknown;
    try {
      await this.#embedAll();
      this.#removeVanished();
    } catch (error) {
      if (!signal.aborted) {
        // What is done is worth keeping whatever went wrong; that error is the one to report.
        await keep(() => this.#checkpoints.finish()).catch(() => undefined);
        throw error;
      }
      stopped = error;
    }
    // An empty folder gives an empty index, which searches find nothing in, rather than none.
    if (this.#index.size === 0) this.#checkpoints.changed();
    await keep(() => this.#checkpoints.finish());
    if (stopped === undefined) await this.#report();
    else throw this.#interrupted(stopped);
  }

  async #embedAll(): Promise<void> {
    const { output, signal } = this.#context;
    this.#bar = output.progress('Indexing', 'images');
    const ended = new AbortController();
    const all = walkFiles(this.#folder);
    if (this.#bar.enabled) this.#ahead = countAhead(all, AbortSignal.any([signal, ended.signal]));
    try {
      const images = selectImages(this.#candidates(), {
        isExpected: ({ id }) => this.#index.has(id),
        passedOver: this.#passedOver,
        onFail: (error, { path }) => this.#fail(error, path),
        signal,
      });
      for await (const { file, result } of embedFiles(this.#vision, images, signal)) {
        if (result.ok) {
          this.#store(file, result.embedding);
        } else {
          if (result.error.code === 'UNSUPPORTED_FORMAT') this.#passedOver.add(file.found, true);
          this.#fail(result.error, file.path);
        }
        this.#checkpoints.tick();
        this.#draw();
      }
    } finally {
      ended.abort();
      this.#bar.clear();
    }
  }

  // Files that are new or changed; only those are opened. The others are ticked off on the way.
  async *#candidates(): AsyncGenerator<Candidate, void, undefined> {
    const onUnreadable = (error: VisionError, path: string) => {
      this.#unreadableFolders++;
      this.#fail(error, path);
    };
    const onIrregular = (kind: IrregularKind) => this.#passedOver.addIrregular(kind);
    for await (const file of walkFiles(this.#folder, { onUnreadable, onIrregular })) {
      this.#context.signal.throwIfAborted();
      this.#unseen.delete(file.id);
      try {
        // Taken before the file is read: a change in between is found by the next run.
        const { size, mtimeMs } = await stat(forSystem(file.path));
        const candidate = { ...file, size, mtimeMs };
        if (!(await this.#isUnchanged(candidate))) {
          yield candidate;
          continue;
        }
        this.#counts.unchanged++;
        this.#draw();
      } catch (cause) {
        const message = `The file ${file.path} cannot be read: ${messageOf(cause)}.`;
        this.#fail(new VisionError('INPUT_UNREADABLE', message, { cause }), file.path);
      }
    }
  }

  async #isUnchanged({ id, path, size, mtimeMs }: Candidate): Promise<boolean> {
    const known = this.#index.get(id);
    if (known?.metadata?.size !== size) return false;
    if (known.metadata.mtimeMs === mtimeMs) return true;
    // Touched, copied or checked out anew: reading it costs a hundredth of embedding it.
    const { sha256 } = known.metadata;
    if ((await hashOf(path)) !== sha256) return false;
    this.#index.set(id, known.vector, { size, mtimeMs, sha256 });
    this.#checkpoints.changed();
    return true;
  }

  async #save(): Promise<void> {
    const { output } = this.#flags;
    try {
      await this.#index.save(output);
    } catch (cause) {
      if (!(cause instanceof VisionError) || cause.code !== 'INDEX_CONFLICT') throw cause;
      throw new VisionError(
        'INDEX_CONFLICT',
        `Another process has saved into ${output} since this build began, and saving would undo that. What this build ` +
          'has done since its last save is left out. Run the same command again: it goes on from what is there.',
        { cause },
      );
    }
    if (this.#isUnnamed) await rememberModel(output, this.#flags, this.#vision);
    this.#isUnnamed = false;
  }

  #store({ id, size, mtimeMs }: Candidate, embedding: ImageEmbedding): void {
    this.#counts[this.#index.has(id) ? 'updated' : 'added']++;
    this.#index.set(id, embedding, { size, mtimeMs, sha256: embedding.imageHash });
    this.#checkpoints.changed();
  }

  #fail(error: VisionError, path: string): void {
    this.#counts.failed++;
    this.#context.output.error(error, path);
  }

  #removeVanished(): void {
    const { output } = this.#context;
    if (this.#unseen.size === 0) return;
    if (!this.#flags.prune) {
      output.note(
        `${this.#unseen.size} indexed files are no longer in ${this.#folder}; --prune removes them.`,
      );
    } else if (this.#unreadableFolders > 0) {
      output.note('Nothing is pruned: what lies in the folders that cannot be read may still be there.');
    } else {
      for (const id of this.#unseen) if (this.#index.delete(id)) this.#counts.removed++;
      this.#unseen.clear();
      this.#checkpoints.changed();
    }
  }

  #draw(): void {
    const { added, updated, unchanged, failed } = this.#counts;
    const notes = [unchanged > 0 ? `${unchanged} unchanged` : '', failed > 0 ? `${failed} failed` : ''];
    const total = this.#ahead.total;
    this.#bar?.update(
      added + updated + failed + this.#passedOver.silent,
      total === undefined ? undefined : total - unchanged,
      notes.filter((note) => note !== '').join(', '),
    );
  }

  async #report(): Promise<void> {
    const { output } = this.#context;
    const { added, updated, unchanged, removed, failed } = this.#counts;
    const entries = this.#index.size;
    const document = {
      index: this.#flags.output,
      folder: this.#folder,
      model: this.#vision.model.id,
      entries,
      ...this.#counts,
      vanished: this.#unseen.size,
      passedOver: this.#passedOver,
    };
    await output.result(document, () => [
      `${this.#flags.output}: ${entries} images ` +
        `(${added} added, ${updated} updated, ${unchanged} unchanged, ${removed} removed, ${failed} failed)` +
        (this.#passedOver.isEmpty ? '' : `, passed over: ${this.#passedOver.toString()}`),
    ]);
  }

  #interrupted(cause: unknown): CommandError {
    const done = this.#counts.added + this.#counts.updated;
    return new CommandError(
      'INTERRUPTED',
      `${this.#flags.output} holds the ${this.#index.size} images that are done, ${done} of them new. ` +
        'Run the same command again to go on.',
      { cause },
    );
  }
}

async function requireReadable(folder: string): Promise<void> {
  // Begins the walk and ends it: it throws what is wrong with the folder before a model is loaded.
  const walk = walkFiles(folder);
  await walk.next();
  await walk.return();
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(forSystem(path)), hash);
  return hash.digest('hex');
}
