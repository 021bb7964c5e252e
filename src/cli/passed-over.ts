// Counts the files that are left out for what they are, by kind.
import { isForeignImage } from '../image/recognise/recognise.js';
import type { Recognised } from '../image/recognise/kinds.js';

const NOT_IMAGES = 'not images';

/** Files by what they are: pictures that are not read under their names, everything else together. */
export class PassedOver {
  readonly #images = new Map<string, number>();
  #others = 0;

  /** @returns files that are no images */
  get others(): number {
    return this.#others;
  }

  /** @returns whether there is nothing to tell */
  get isEmpty(): boolean {
    return this.#others === 0 && this.#images.size === 0;
  }

  /**
   * Counts a file.
   * @param found - what it is
   */
  add(found: Recognised | undefined): void {
    if (found?.format === undefined && !isForeignImage(found)) {
      this.#others++;
      return;
    }
    this.#images.set(found.name, (this.#images.get(found.name) ?? 0) + 1);
  }

  /** @returns numbers by name, the most frequent first, `not images` last */
  toJSON(): Record<string, number> {
    const images = [...this.#images].sort(([, a], [, b]) => b - a);
    return Object.fromEntries(this.#others === 0 ? images : [...images, [NOT_IMAGES, this.#others]]);
  }

  /** @returns the same in words: `3 HEIC, 1 RAW (CR2), 12 not images` */
  toString(): string {
    return Object.entries(this.toJSON())
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  }
}
