// Zero-shot classification: labels to sentences, cosines to the probabilities that SigLIP's training gives them.
import { VisionError } from './errors.js';
import { startSlices } from './index/slicing.js';
import { cosine } from './inference/postprocess.js';
import { invalidArgument, requireStrings } from './request.js';
import type { Classification } from './types.js';

/** The sentence that the reference pipeline puts around SigLIP's labels. */
export const DEFAULT_TEMPLATE = 'This is a photo of {}.';
const PLACE = '{}';

/**
 * Puts each label into the sentence.
 * @param labels - at least one; none of them empty
 * @param template - holds `{}` once or more
 * @returns a sentence a label
 * @throws `INVALID_ARGUMENT`
 */
export function labelTexts(labels: readonly string[], template = DEFAULT_TEMPLATE): string[] {
  requireStrings(labels, 'labels');
  if (labels.length === 0) throw invalidArgument('labels', 'at least one label', labels);
  const empty = labels.findIndex((label) => label.trim() === '');
  if (empty >= 0) throw invalidArgument(`labels[${empty}]`, 'a label that is not empty', labels[empty]);
  const given: unknown = template;
  if (typeof given !== 'string' || !given.includes(PLACE)) {
    throw invalidArgument('option "template"', `a string that holds ${PLACE} where the label goes`, given);
  }
  const texts = labels.map((label) => template.replaceAll(PLACE, () => label));
  requireStrings(texts, 'the template with labels');
  return texts;
}

/**
 * The vectors of all labels in one array, so that a set of labels is one entry of the cache.
 * @param vectors - of the same length
 * @returns one row a vector
 */
export function labelMatrix(vectors: readonly Float32Array[]): Float32Array {
  const dimensions = vectors[0]?.length ?? 0;
  const matrix = new Float32Array(vectors.length * dimensions);
  vectors.forEach((vector, i) => matrix.set(vector, i * dimensions));
  return matrix;
}

/**
 * Compares an image with every label, in slices that do not hold up the event loop.
 * @param image - unit vector
 * @param labels - as given
 * @param matrix - their vectors, see {@link labelMatrix}
 * @param logits - the model's numbers; the probability is `sigmoid(scale * cosine + bias)`
 * @param logits.scale - the multiplier
 * @param logits.bias - what is added
 * @returns best first; equal ones in the order of the labels
 */
export async function rankLabels(
  image: Float32Array,
  labels: readonly string[],
  matrix: Float32Array,
  logits: { scale: number; bias: number },
): Promise<Classification[]> {
  const dimensions = image.length;
  if (matrix.length !== labels.length * dimensions) {
    throw new VisionError(
      'MODEL_INVALID',
      `Expected text vectors of ${dimensions} dimensions, as the image's, but received ${matrix.length / labels.length}.`,
    );
  }
  const pause = startSlices();
  const results: Classification[] = [];
  for (const [i, label] of labels.entries()) {
    const similarity = cosine(image, matrix.subarray(i * dimensions, (i + 1) * dimensions));
    const probability = 1 / (1 + Math.exp(-(logits.scale * similarity + logits.bias)));
    results.push({ label, probability, similarity });
    await pause();
  }
  return results.sort((a, b) => b.similarity - a.similarity);
}
