// Makes a quantised graph of a float32 one: read, fuse, calibrate, quantise under the guard, write. Runs for minutes and
// takes several times the graph in memory, so it belongs in a process of its own.
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareEmbeddings, cosineOf, holds, surelyMisses } from '../../optimize/evaluate.js';
import type { Accuracy, AccuracyTarget } from '../../optimize/evaluate.js';
import { Graph } from '../../optimize/graph.js';
import { guard } from '../../optimize/guard.js';
import type { OnnxModel } from '../../optimize/onnx/model.js';
import { readModel } from '../../optimize/onnx/read.js';
import { writeModel } from '../../optimize/onnx/write.js';
import { fuse } from '../../optimize/optimize.js';
import { removeDead } from '../../optimize/passes/remove-dead.js';
import {
  quantizableLayers,
  quantize,
  withActivationOutputs,
  type ActivationStats,
  type QuantizeOptions,
  type Smoothing,
} from '../../optimize/quantize.js';
import { withQuantizationErrors } from '../../optimize/quantize/errors.js';
import { GraphRunner, type Images, type Run, type Runner } from './graph-runner.js';
import type { OptimizationReport, OptimizeProgress } from './report.js';

/** What to optimise: plain data. */
export interface OptimizeJob {
  /** The float32 graph. */
  path: string;
  /** Bytes of it and its files of weights. */
  bytes: number;
  /** Existing empty folder that gets the graph, and drafts meanwhile. */
  directory: string;
  images: Images;
  target: AccuracyTarget;
  /** Write a graph that misses the target, with every layer quantised. */
  force: boolean;
  /** Threads of the sessions. */
  threads: number;
}

/** What to optimise, whatever its inputs are. */
export type SourceJob = Omit<OptimizeJob, 'images' | 'threads'>;

/** Name of the graph's file; one with its weights has `_data` added. */
export const GRAPH_FILE = 'vision_model.onnx';
/** Goes up whenever the same input gives another graph. */
export const OPTIMIZER_VERSION = 2;

// Spread shared evenly between activations and weights, as SmoothQuant proposes.
const ALPHA = 0.5;
// Protobuf ends at 2 GiB; with room for the nodes.
const MAX_FILE_BYTES = 1.9 * 2 ** 30;

/** What quantising a layer alone does. */
interface LayerError {
  /** Share of the output, root mean square. */
  error: number;
  /** Of one image. */
  multiplications: number;
}

/**
 * Optimises a graph.
 * @param job - what
 * @param onProgress - hears how far it is, after each image
 * @returns what was done; the graph is in the folder if the target is reached, or with `force`
 * @throws `MODEL_INVALID`, `MODEL_NOT_FOUND`, what decoding an image throws, errors of the file system
 */
export async function optimizeGraph(
  job: OptimizeJob,
  onProgress: (progress: OptimizeProgress) => void,
): Promise<Omit<OptimizationReport, 'files'>> {
  return optimizeWith(() => GraphRunner.open(job.images, job.threads), job, onProgress);
}

/**
 * {@link optimizeGraph} with any inputs.
 * @param open - opens what runs graphs on the inputs that decide
 * @param job - what
 * @param onProgress - hears how far it is, after each input
 * @returns what was done
 * @throws `MODEL_INVALID`, `MODEL_NOT_FOUND`, errors of the file system
 */
export async function optimizeWith(
  open: () => Runner | Promise<Runner>,
  job: SourceJob,
  onProgress: (progress: OptimizeProgress) => void,
): Promise<Omit<OptimizationReport, 'files'>> {
  const started = performance.now();
  const optimization = new Optimization(job, await open(), onProgress);
  const reference = await optimization.embedSource();
  const { model, report: fusions } = fuse(await readModel(job.path));
  const report = await optimization.optimize(model, reference);
  return {
    ...report,
    fusions: fusions.passes,
    seconds: (performance.now() - started) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

class Optimization {
  readonly #job: SourceJob;
  readonly #runner: Runner;
  readonly #onProgress: (progress: OptimizeProgress) => void;
  /** Images that ranges are taken from: the others tell whether the ranges hold for images they were not taken from. */
  readonly #calibration: readonly number[];
  #candidate = 0;

  constructor(job: SourceJob, runner: Runner, onProgress: (progress: OptimizeProgress) => void) {
    this.#job = job;
    this.#runner = runner;
    this.#onProgress = onProgress;
    this.#calibration = [...Array(runner.count).keys()].filter((i) => i % 2 === 0);
  }

  async embedSource(): Promise<Run> {
    return this.#runner.embed(this.#job.path, ({ length }) => this.#tell('reference', length));
  }

  async optimize(model: OnnxModel, reference: Run): Promise<Omit<OptimizationReport, 'files' | 'fusions' | 'seconds' | 'peakBytes'>> {
    const { target, force, bytes } = this.#job;
    const { stats, fused } = await this.#calibrate(model, reference);
    const smoothing = { stats, alpha: ALPHA };
    let errors: ReadonlyMap<string, LayerError> | undefined;
    let best: { folder: string; bytes: number; milliseconds: number } | undefined;
    const found = await guard(
      {
        measure: async (treatment, complete) => {
          const made = await this.#make(model, { ...treatment, smoothing });
          const run = await this.#compare(made.path, reference, complete ? undefined : target);
          if (run.vectors.length < this.#runner.count) return this.#drop(made.folder);
          const accuracy = compareEmbeddings(reference.vectors, run.vectors);
          // Of two that hold the later one costs less.
          const better = holds(accuracy, target) || (complete && force);
          if (best !== undefined && better) await this.#drop(best.folder);
          if (better) best = { ...made, milliseconds: run.milliseconds };
          else await this.#drop(made.folder);
          return accuracy;
        },
        rank: async (evened) => {
          errors = await this.#layerErrors(model, smoothing, evened);
          return [...errors].sort(([, a], [, b]) => b.error - a.error).map(([name]) => name);
        },
      },
      target,
    );
    if (best !== undefined) await this.#publish(best.folder);
    const [kept, evened] = [new Set(found.kept), new Set(found.evened)];
    return {
      version: OPTIMIZER_VERSION,
      reached: found.reached,
      target,
      images: { compared: this.#runner.count, calibrated: this.#calibration.length },
      fused,
      plain: found.plain,
      accuracy: found.accuracy,
      layers: quantizableLayers(model).map((layer) => ({
        ...layer,
        error: errors?.get(layer.name)?.error ?? null,
        kept: kept.has(layer.name),
        evened: evened.has(layer.name),
      })),
      kept: found.kept,
      evened: found.evened,
      cost: best === undefined ? null : {
        bytes: { before: bytes, after: best.bytes },
        float32Share: errors ? shareOf(errors, kept) : 0,
        milliseconds: { before: reference.milliseconds, after: best.milliseconds },
      },
      candidates: found.candidates,
    };
  }

  // The largest magnitude of each channel, and whether the graph with fused operators still is the source.
  async #calibrate(model: OnnxModel, reference: Run): Promise<{ stats: ActivationStats; fused: Accuracy }> {
    const observed = withActivationOutputs(model);
    const stats: Record<string, Float32Array> = {};
    const embeddings: Float32Array[] = [];
    await this.#observe('calibrating', observed.model, [...observed.outputs.values(), reference.output], (values) => {
      for (const [layer, output] of observed.outputs) {
        const largest = values.get(output) as Float32Array;
        const known = (stats[layer] ??= new Float32Array(largest.length));
        largest.forEach((value, channel) => (known[channel] = Math.max(known[channel] as number, value)));
      }
      // Where the output is one of tokens, the first is the embedding.
      const embedding = values.get(reference.output) as Float32Array;
      embeddings.push(embedding.slice(0, reference.vectors[0]?.length));
    });
    const same = this.#calibration.map((i) => reference.vectors[i] as Float32Array);
    return { stats, fused: compareEmbeddings(same, embeddings) };
  }

  async #layerErrors(
    model: OnnxModel,
    smoothing: Smoothing,
    evened: boolean,
  ): Promise<Map<string, LayerError>> {
    const twins = withQuantizationErrors(model, smoothing, evened);
    const names = [...twins.outputs.values()].flatMap(({ error, size, count }) => [error, size, count]);
    const layers = quantizableLayers(model);
    const sums = new Map(layers.map(({ name }) => [name, { error: 0, size: 0, count: 0 }]));
    await this.#observe('ranking', twins.model, names, (values) => {
      for (const [layer, outputs] of twins.outputs) {
        const sum = sums.get(layer);
        for (const of of ['error', 'size', 'count'] as const)
          if (sum) sum[of] += values.get(outputs[of])?.[0] ?? 0;
      }
    });
    return new Map(
      layers.map(({ name, inputs }) => {
        const { error, size, count } = sums.get(name) ?? { error: 0, size: 0, count: 0 };
        const multiplications = (inputs * count) / this.#calibration.length;
        return [name, { error: Math.sqrt(error / Math.max(size, Number.MIN_VALUE)), multiplications }];
      }),
    );
  }

  async #observe(
    stage: 'calibrating' | 'ranking',
    model: OnnxModel,
    outputs: readonly string[],
    look: (values: ReadonlyMap<string, Float32Array>) => void,
  ): Promise<void> {
    const { folder, path } = await this.#write(model, stage);
    let done = 0;
    await this.#runner.observe(path, outputs, this.#calibration, (values) => {
      look(values);
      this.#tell(stage, ++done, this.#calibration.length);
    });
    await this.#drop(folder);
  }

  async #make(model: OnnxModel, options: QuantizeOptions) {
    // Quantising edits the model; a graph's is a copy that shares the weights.
    const copy = new Graph(model).model;
    quantize(copy, options);
    const graph = new Graph(copy);
    removeDead(graph);
    return this.#write(graph.model, `candidate-${++this.#candidate}`);
  }

  async #compare(path: string, reference: Run, target: AccuracyTarget | undefined): Promise<Run> {
    const cosines: number[] = [];
    return this.#runner.embed(path, (vectors) => {
      const last = vectors.length - 1;
      cosines.push(cosineOf(reference.vectors[last] as Float32Array, vectors[last] as Float32Array));
      this.#tell('comparing', vectors.length);
      return target === undefined || !surelyMisses(cosines, this.#runner.count, target);
    });
  }

  // In a folder of its own, under its final name: the graph's file names the file of its weights.
  async #write(model: OnnxModel, name: string): Promise<{ folder: string; path: string; bytes: number }> {
    const folder = join(this.#job.directory, name);
    const path = join(folder, GRAPH_FILE);
    await mkdir(folder);
    await writeModel(model, path, { externalData: this.#job.bytes > MAX_FILE_BYTES });
    return { folder, path, bytes: await bytesIn(folder) };
  }

  async #publish(folder: string): Promise<void> {
    for (const name of await readdir(folder)) await rename(join(folder, name), join(this.#job.directory, name));
    await rmdir(folder);
  }

  async #drop(folder: string): Promise<undefined> {
    await rm(folder, { recursive: true });
  }

  #tell(stage: OptimizeProgress['stage'], done: number, total = this.#runner.count): true {
    this.#onProgress({ stage, done, total, candidate: this.#candidate });
    return true;
  }
}

function shareOf(errors: ReadonlyMap<string, LayerError>, kept: ReadonlySet<string>): number {
  let [part, all] = [0, 0];
  for (const [name, { multiplications }] of errors) {
    all += multiplications;
    if (kept.has(name)) part += multiplications;
  }
  return part / all;
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
