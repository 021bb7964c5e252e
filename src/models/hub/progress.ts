// Tells how far a download is: not for every piece that arrives, but always at the end.

import type { DownloadProgress } from '../../types.js';

/** Counts, and reports at most once in an interval. */
export class Progress {
  readonly #report: ((progress: DownloadProgress) => void) | undefined;
  readonly #interval: number;
  #total: number | undefined;
  // Of what was announced so far; undefined once the hub left one out.
  #announced: number | undefined = 0;
  #done = 0;
  #last = Number.NEGATIVE_INFINITY;

  /**
   * @param report - the caller's function
   * @param interval - least ms between two calls of it within a file
   */
  constructor(report: ((progress: DownloadProgress) => void) | undefined, interval: number) {
    this.#report = report;
    this.#interval = interval;
  }

  /**
   * Files will be downloaded, after those that were.
   * @param files - their sizes
   * @param more - whether others will follow, of which nothing is known yet
   */
  expect(files: readonly { size: number | undefined }[], more: boolean): void {
    this.#announced = files.reduce<number | undefined>(
      (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
      this.#announced,
    );
    this.#total = more ? undefined : this.#announced;
  }

  /**
   * Bytes of a file are there.
   * @param file - its path
   * @param fileBytes - how many
   * @param fileTotal - of how many
   */
  update(file: string, fileBytes: number, fileTotal: number | undefined): void {
    const now = performance.now();
    if (now - this.#last < this.#interval) return;
    this.#last = now;
    this.#report?.({ file, fileBytes, fileTotal, bytes: this.#done + fileBytes, total: this.#total });
  }

  /**
   * A file is complete.
   * @param file - its path
   * @param size - in bytes
   */
  finish(file: string, size: number): void {
    this.#last = Number.NEGATIVE_INFINITY;
    this.update(file, size, size);
    this.#done += size;
    this.#last = Number.NEGATIVE_INFINITY;
  }
}
