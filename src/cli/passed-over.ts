// Counts the files that are left out for what they are, by kind.
import { isForeignImage } from '../image/recognise/recognise.js';
import type { Recognised } from '../image/recognise/kinds.js';
import type { IrregularKind } from './walk.js';

const NOT_IMAGES = 'not images';

/** Files by what they are: pictures that are not read under their names, everything else together. */
export class PassedOver {
  readonly #kinds = new Map<string, number>();
  #notImages = 0;
  #silent = 0;

  /** @returns files of which nothing but their number is told: they are no errors */
  get silent(): number {
    return this.#silent;
  }

  /** @returns whether there is nothing to tell */
  get isEmpty(): boolean {
    return this.#notImages === 0 && this.#kinds.size === 0;
  }

  /**
   * Counts a file.
   * @param found - what it is
   * @param isError - whether it is reported as an error as well
   */
  add(found: Recognised | undefined, isError: boolean): void {
    if (!isError) this.#silent++;
    if (found?.format === undefined && !isForeignImage(found)) this.#notImages++;
    else this.#count(kindOf(found));
  }

  /**
   * Counts what is no file to look into.
   * @param kind - what it is
   */
  addIrregular(kind: IrregularKind): void {
    this.#count(kind);
  }

  /** @returns numbers by name, the most frequent first, `not images` last */
  toJSON(): Record<string, number> {
    const kinds = [...this.#kinds].sort(([, a], [, b]) => b - a);
    return Object.fromEntries(this.#notImages === 0 ? kinds : [...kinds, [NOT_IMAGES, this.#notImages]]);
  }

  /** @returns the same in words: `3 HEIC, 1 RAW (CR2), 12 not images` */
  toString(): string {
    return Object.entries(this.toJSON())
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  }

  #count(kind: string): void {
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
  }
}

// Most files of a format that is read are read, and "2 TIFF" would say that none is. HEIC may lack its decoder altogether.
function kindOf({ format, name }: Recognised): string {
  return format === undefined || format === 'heic' ? name : `${name} (of a structure that is not read)`;
}
