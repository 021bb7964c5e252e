// Small models to optimise, with outliers or without, and the folders that they lie in.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withOutliers } from '../../bench/models/outliers.js';
import { randomWeights } from '../../bench/models/random-weights.js';
import { visionTower } from '../../bench/models/towers.js';
import type { OptimizeJob } from '../../dist/esm/models/optimized/optimize-model.js';
import { parsePreprocessConfig } from '../../dist/esm/image/preprocess-config.js';
import { DEFAULT_TARGET } from '../../dist/esm/optimize/evaluate.js';
import { writeModel } from '../../dist/esm/optimize/onnx/write.js';
import { TINY_MODEL, fixture, fixtureJson, photo, photoNames } from './fixtures.js';

const LAYERS = 4;

/**
 * @param name - of a layer's MLP
 * @returns the layer that planted outliers spoil: what they go through cannot be smoothed
 */
export function spoiled(name: number): string {
  return `/vision_model/encoder/layers.${name}/mlp/fc2/MatMul`;
}

/**
 * Writes a model in the hub's layout.
 * @param folder - existing
 * @param layers - whose MLP has outliers
 * @param factor - how much larger than the others
 * @param externalData - weights in a file of their own
 * @param width - of the tower, a multiple of 32; 480 makes 45 MB
 * @returns path of the graph
 */
export async function writeTower(
  folder: string,
  layers: readonly number[],
  factor = 1000,
  externalData = false,
  width = 96,
): Promise<string> {
  const size = { hidden: width, layers: LAYERS, heads: width / 32, mlp: 4 * width, image: 64, patch: 16 };
  const weights = withOutliers(randomWeights(LAYERS), { places: ['mlp'], factor, layers });
  const path = join(folder, 'vision_model.onnx');
  await writeModel(visionTower(size, weights), path, { externalData });
  copyFileSync(join(TINY_MODEL, 'preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
  return path;
}

/**
 * @param path - of a graph of 64 pixels a side
 * @param directory - where the result goes
 * @returns what to ask for
 */
export function jobOf(path: string, directory: string): OptimizeJob {
  mkdirSync(directory);
  return {
    path,
    bytes: statSync(path).size,
    directory,
    images: {
      paths: photoNames.slice(0, 12).map(photo),
      preprocess: parsePreprocessConfig(fixtureJson('tiny-siglip/preprocessor_config.json'), 'fixture'),
      decode: { autoOrient: true, limitInputPixels: 1e8, decode: 'exact' },
    },
    target: DEFAULT_TARGET,
    force: false,
    threads: 1,
  };
}

/** Folders that go when the test is over. */
export class Folders {
  readonly #made: string[] = [];

  /** @returns a new one */
  make(): string {
    const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-optimize-'));
    this.#made.push(folder);
    return folder;
  }

  /** Removes all of them. */
  remove(): void {
    for (const folder of this.#made) rmSync(folder, { recursive: true, force: true });
  }
}

/** The graph of the tiny fixture. */
export const TINY_GRAPH = fixture('tiny-siglip/onnx/vision_model.onnx');
