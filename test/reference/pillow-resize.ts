// Pillow's resize as a reader would write it, slowly: two passes over arrays, one sum per byte. JavaScript numbers are
// the doubles that Pillow computes its weights in; see src/libImaging/Resample.c and Geometry.c there.

export interface ReferenceImage {
  data: Uint8Array; // interleaved RGB
  width: number;
  height: number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function hamming(x: number): number {
  if (x === 0) return 1;
  return x < 1 ? sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI)) : 0;
}

/** How far each filter reaches at scale 1, and its value at a distance from its centre. */
const KERNELS: Record<string, { support: number; at: (x: number) => number }> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, at: (x) => hamming(Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

interface Weights {
  first: number;
  values: number[]; // 1.0 = 2^22
}

/** The source positions and fixed-point weights of one output position. */
export function referenceWeights(
  sourceSize: number,
  targetSize: number,
  filter: string,
  output: number,
): Weights {
  const kernel = KERNELS[filter]!;
  const scale = sourceSize / targetSize;
  const stretch = Math.max(scale, 1);
  const reach = kernel.support * stretch;
  const centre = (output + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - reach + 0.5));
  const end = Math.min(sourceSize, Math.trunc(centre + reach + 0.5));
  const exact = Array.from({ length: end - first }, (_, k) =>
    kernel.at((k + first - centre + 0.5) * (1 / stretch)),
  );
  const sum = exact.reduce((total, weight) => total + weight, 0);
  const values = exact.map((weight) => {
    const scaled = (sum === 0 ? weight : weight / sum) * 2 ** 22;
    return Math.trunc(weight / sum < 0 ? scaled - 0.5 : scaled + 0.5);
  });
  return { first, values };
}

/** One byte: the weighted sum of bytes that are `step` apart, rounded. */
function weigh(data: Uint8Array, start: number, step: number, { first, values }: Weights): number {
  const sum = values.reduce(
    (total, weight, k) => total + weight * data[start + (first + k) * step]!,
    2 ** 21,
  );
  return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
}

function resizeRows(image: ReferenceImage, width: number, filter: string): ReferenceImage {
  const data = new Uint8Array(width * image.height * 3);
  for (let x = 0; x < width; x++) {
    const weights = referenceWeights(image.width, width, filter, x);
    for (let y = 0; y < image.height; y++) {
      for (let c = 0; c < 3; c++)
        data[(y * width + x) * 3 + c] = weigh(image.data, y * image.width * 3 + c, 3, weights);
    }
  }
  return { data, width, height: image.height };
}

function resizeColumns(image: ReferenceImage, height: number, filter: string): ReferenceImage {
  const row = image.width * 3;
  const data = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const weights = referenceWeights(image.height, height, filter, y);
    for (let i = 0; i < row; i++) data[y * row + i] = weigh(image.data, i, row, weights);
  }
  return { data, width: image.width, height };
}

/** Source positions of nearest neighbour, summed up step by step as Pillow does. */
function nearest(sourceSize: number, targetSize: number): number[] {
  const step = sourceSize / targetSize;
  let position = step * 0.5;
  return Array.from({ length: targetSize }, () => {
    const at = Math.trunc(position);
    position += step;
    return at;
  });
}

/** `Image.resize((width, height), filter)` of Pillow up to 12: horizontal pass, then vertical, a pass skipped where its size stays. */
export function referenceResize(
  image: ReferenceImage,
  width: number,
  height: number,
  filter: string,
): ReferenceImage {
  if (filter === 'nearest') {
    const columns = nearest(image.width, width);
    const pixels = nearest(image.height, height).flatMap((y) =>
      columns.flatMap((x) => [
        ...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
      ]),
    );
    return { data: Uint8Array.from(pixels), width, height };
  }
  const wide = width === image.width ? image : resizeRows(image, width, filter);
  return height === image.height ? wide : resizeColumns(wide, height, filter);
}
