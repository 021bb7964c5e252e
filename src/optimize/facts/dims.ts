// Dimensions that may be unknown: a number, or a product of a number and symbols, such as `batch_size` or `4*batch_size`.

/** A dimension; equal strings are equal sizes. */
export type Dim = number | string;

interface Product {
  factor: number;
  symbols: string[];
}

/**
 * @param dims - to multiply
 * @returns their product
 */
export function multiply(dims: readonly Dim[]): Dim {
  const parts = dims.map(parse);
  return format({
    factor: parts.reduce((product, { factor }) => product * factor, 1),
    symbols: parts.flatMap(({ symbols }) => symbols),
  });
}

/**
 * @param total - to divide
 * @param part - by what
 * @returns the quotient, or undefined when it is not known to be whole
 */
export function divide(total: Dim, part: Dim): Dim | undefined {
  const [above, below] = [parse(total), parse(part)];
  if (below.factor === 0 || above.factor % below.factor !== 0) return undefined;
  const symbols = [...above.symbols];
  for (const symbol of below.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  return format({ factor: above.factor / below.factor, symbols });
}

/**
 * The shape of what numpy's broadcasting makes of two shapes.
 * @param a - a shape
 * @param b - another
 * @param fresh - makes a symbol for what cannot be told
 * @returns the shape; a size of 1 or an unknown one gives way to a known larger one, which it must equal or stretch to
 */
export function broadcast(a: readonly Dim[], b: readonly Dim[], fresh: () => Dim): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i): Dim => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1 || isClampOf(x, y)) return y;
    if (isClampOf(y, x)) return x;
    if (typeof x === 'number') return x;
    return typeof y === 'number' ? y : fresh();
  });
}

/**
 * @param a - a shape, or nothing
 * @param b - another
 * @returns whether both are known and of the same sizes
 */
export function sameShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((dim, i) => dim === b[i]);
}

/**
 * The size of what is cut from a longer axis: exporters cut the table of positions to the length of the input.
 * @param size - that is asked for
 * @param limit - size of the axis
 * @returns the smaller of both, as a symbol. Where it meets `size` in a broadcast, the result is `size`: they are
 * equal, or the smaller one is 1, or the graph fails.
 */
export function clamp(size: string, limit: Dim): Dim {
  return `<=${size},${limit}`;
}

function isClampOf(dim: Dim, size: Dim): boolean {
  return typeof dim === 'string' && dim.startsWith(`<=${size},`);
}

function parse(dim: Dim): Product {
  if (typeof dim === 'number') return { factor: dim, symbols: [] };
  const parts = dim.split('*');
  const factor = /^\d+$/.test(parts[0] as string) ? Number(parts.shift()) : 1;
  return { factor, symbols: parts };
}

function format({ factor, symbols }: Product): Dim {
  if (symbols.length === 0 || factor === 0) return factor;
  return [...(factor === 1 ? [] : [String(factor)]), ...symbols.sort()].join('*');
}
