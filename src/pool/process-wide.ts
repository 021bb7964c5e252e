// Values that the whole process shares: the ESM and the CommonJS copy of this package each have modules of their own.

/**
 * The one value of that name in this process.
 * @param name - of the value
 * @param make - makes it, for the copy that asks first
 * @returns the same to all copies
 */
export function processWide<T>(name: string, make: () => T): T {
  const key = Symbol.for(`semantic-vision.${name}`);
  const shared = globalThis as { [key]?: T | undefined };
  return (shared[key] ??= make());
}
