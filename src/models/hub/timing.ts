// How long the hub is waited for and how often it is asked again.

/** All times in milliseconds. */
export interface Timing {
  /** Tries in a row without a new byte before giving up. */
  attempts: number;
  /** Wait after the first failure; doubles with each one. */
  firstDelay: number;
  longestDelay: number;
  /** The longest `Retry-After` that is worth waiting for. */
  longestRetryAfter: number;
  /** For the headers of an answer. */
  answer: number;
  /** The same where everything needed is in the cache already: as long as Python waits. */
  answerIfCached: number;
  /** Between two pieces of a body. */
  idle: number;
  /** Between two looks at a lock that somebody else holds. */
  lockPoll: number;
  /** Between two reports of progress. */
  report: number;
}

/** What is used outside tests. */
export const TIMING: Timing = {
  attempts: 6,
  firstDelay: 500,
  longestDelay: 15_000,
  longestRetryAfter: 5 * 60_000, // the hub counts requests in windows of five minutes
  answer: 30_000,
  answerIfCached: 10_000,
  idle: 30_000,
  lockPoll: 100,
  report: 100,
};

/**
 * Exponential backoff with jitter, so that many clients that failed together do not come back together.
 * @param failures - how many there were in a row, at least 1
 * @param timing - its limits
 * @returns milliseconds
 */
export function backoff(failures: number, timing: Timing): number {
  const longest = Math.min(timing.longestDelay, timing.firstDelay * 2 ** (failures - 1));
  return longest * (0.5 + Math.random() / 2);
}
