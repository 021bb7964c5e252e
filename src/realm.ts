// What a value is, whichever realm made it: Jest, Vitest's vm pools and node:vm run a program among other globals than
// Node's own, and `instanceof` knows only those of the realm that it stands in.
import { isNativeError } from 'node:util/types';

export {
  isAnyArrayBuffer,
  isBigInt64Array,
  isBigUint64Array,
  isFloat32Array,
  isUint8Array,
  isUint8ClampedArray,
} from 'node:util/types';

/**
 * Tells errors from other values.
 * @param value - anything that was thrown
 * @returns whether it is an Error or a DOMException
 */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error || tagOf(value) === 'DOMException';
}

/**
 * Tells the errors that reading outside a buffer throws.
 * @param value - anything that was thrown
 * @returns whether it is a RangeError
 */
export function isRangeError(value: unknown): value is RangeError {
  return isNativeError(value) && value.name === 'RangeError';
}

/**
 * Tells URLs from other values.
 * @param value - anything
 * @returns whether it is a URL, Node's own or another standard one
 */
export function isURL(value: unknown): value is URL {
  return tagOf(value) === 'URL' && typeof (value as URL).href === 'string';
}

/**
 * Tells Blobs and Files from other values.
 * @param value - anything
 * @returns whether it is one whose bytes can be streamed
 */
export function isBlob(value: unknown): value is Blob {
  const tag = tagOf(value);
  return (tag === 'Blob' || tag === 'File') && typeof (value as Blob).stream === 'function';
}

// One of ours for every signal of another realm, so that many requests on one signal leave one listener at it.
const followers = new WeakMap<object, AbortSignal>();

/**
 * The AbortSignal to work with for the one that a caller gives: Node's functions take none of another realm, nor those of
 * jsdom and of polyfills.
 * @param value - anything
 * @returns itself, or one of this realm that fires with it; undefined for what is no AbortSignal
 */
export function ownSignal(value: unknown): AbortSignal | undefined {
  if (value instanceof AbortSignal) return value;
  if (tagOf(value) !== 'AbortSignal') return undefined;
  const given = value as AbortSignal;
  let signal = followers.get(given);
  if (signal === undefined) {
    const controller = new AbortController();
    const fire = () => controller.abort(given.reason);
    if (given.aborted) fire();
    else given.addEventListener('abort', fire, { once: true });
    signal = controller.signal;
    followers.set(given, signal);
  }
  return signal;
}

// Standard objects say what they are, whatever realm or library they come from.
function tagOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
}
