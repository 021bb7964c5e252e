// Trial: whether library and peers do the same work, by the cosine between their vectors of the same photo.
import { allPhotos } from '../inputs.js';
import { quantile, quartiles } from '../measure.js';
import { DEFAULTS, openSubject, ORT_SHARP, TRANSFORMERS } from '../subjects.js';
import type { Trial } from '../trial.js';

/** Not 1: each resizes with another filter (antialiased or not, on the full image or on a shrunk decode). */
export const agreement: Trial = {
  name: 'agreement',
  about: `cosine to the vectors of ${DEFAULTS}, over the photos`,
  subjects: [TRANSFORMERS, ORT_SHARP],
  async run(name) {
    const photos = allPhotos();
    const [ours, theirs] = [await vectors(DEFAULTS, photos), await vectors(name, photos)];
    const cosines = ours.map((vector, index) => cosine(vector, theirs[index]!));
    return [
      { label: 'median', unit: 'cosine', ...quartiles(cosines) },
      { label: 'lowest', unit: 'cosine', value: quantile(cosines, 0) },
    ];
  },
};

async function vectors(name: string, photos: readonly Uint8Array[]): Promise<Float32Array[]> {
  const subject = await openSubject(name);
  const result = await subject.embedAll(photos);
  await subject.close();
  return result;
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, value, index) => sum + value * y[index]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
