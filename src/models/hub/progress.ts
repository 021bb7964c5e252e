// Tells how far a download is: not for every piece that arrives, but always at the end.

import type { DownloadProgress } from '../../types.js';

/** Counts, and reports at most once in an interval. */
export class Progress {
  readonly #report: ((progress: DownloadProgress) => void) | undefined;
  readonly #interval: number;
  readonly #total: number | undefined;
  #done = 0;
  #last = Number.NEGATIVE_INFINITY;

  /**
   * @param report - the caller's function
   * @param interval - least ms between two calls of it within a file
   * @param files - all that will be downloaded
   */
  constructor(
    report: ((progress: DownloadProgress) => void) | undefined,
    interval: number,
    files: readonly { size: number | undefined }[],
  ) {
    this.#report = report;
    this.#interval = interval;
    this.#total = files.reduce<number | undefined>(
      (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    );
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
