// Metadata on its way in: a frozen copy of what JSON makes of it, so that what is found is what a saved index holds.
import { requireNoPromise } from '../callbacks.js';
import { describe, expectedButReceived, messageOf, VisionError } from '../errors.js';

// The declared type leaves out that functions and symbols give undefined.
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/**
 * Copies metadata through JSON.
 * @param metadata - any value that JSON can hold; undefined for none
 * @param id - the entry it belongs to, for messages
 * @returns a deeply frozen copy
 * @throws VisionError `INVALID_ARGUMENT` when JSON cannot hold it
 */
export function copyMetadata(metadata: unknown, id: string): unknown {
  if (metadata === undefined) return undefined;
  const what = `metadata of entry ${describe(id)}`;
  // JSON makes {} of a promise.
  requireNoPromise(metadata, what, 'a value that JSON can hold');
  let text: string | undefined;
  try {
    text = stringify(metadata);
  } catch (cause) {
    const message = `Expected a value that JSON can hold for ${what} but JSON.stringify says: ${messageOf(cause)}`;
    throw new VisionError('INVALID_ARGUMENT', message, { cause });
  }
  if (text === undefined) {
    throw new VisionError(
      'INVALID_ARGUMENT',
      expectedButReceived(what, 'a value that JSON can hold', metadata),
    );
  }
  return parseMetadata(text);
}

/**
 * Reads JSON into values that nobody can change by accident through a search result.
 * @param text - JSON
 * @returns the value, deeply frozen
 */
export function parseMetadata(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => Object.freeze(value));
}
