// From the first bytes of a file to what it is; content decides, never a name. Pure, and linear in a few KiB.
import { VisionError } from '../../errors.js';
import { byBoxes } from './boxes.js';
import { FORMAT_NAMES, type Foreign, type Recognised } from './kinds.js';
import { bySignature } from './signatures.js';
import { byText } from './text.js';
import { byTiff } from './tiff.js';

/** More than this is not looked at, so that a file's head says the same as the whole of it. */
export const HEAD_BYTES = 4096;
/** With fewer bytes no answer is certain, and no picture is complete. */
const LEAST_BYTES = 12;
const SHOWN_BYTES = 8;

/**
 * Recognises a file by its content.
 * @param bytes - its first 4 KiB, or all of it
 * @returns what it is; undefined if it is nothing known, or shorter than 12 bytes
 */
export function recognise(bytes: Uint8Array): Recognised | undefined {
  if (bytes.length < LEAST_BYTES) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES));
  const latin1 = head.toString('latin1');
  return bySignature(latin1) ?? byBoxes(latin1) ?? byTiff(head) ?? byText(head);
}

/**
 * Whether a picture of pixels was recognised that is not decoded: someone may miss it.
 * @param found - what was recognised
 * @returns true if so
 */
export function isForeignImage(found: Recognised | undefined): found is Foreign {
  return found?.format === undefined && (found?.kind === 'image' || found?.kind === 'raw');
}

/**
 * The error for a file that is nothing that is decoded.
 * @param bytes - its first bytes, or all of it
 * @param found - what it was recognised as
 * @returns the error
 */
export function unsupportedFormat(bytes: Uint8Array, found: Foreign | undefined): VisionError {
  const names = Object.values(FORMAT_NAMES);
  const expected = `Expected ${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
  return new VisionError('UNSUPPORTED_FORMAT', `${expected} but ${describe(bytes, found)}`);
}

function describe(bytes: Uint8Array, found: Foreign | undefined): string {
  if (found !== undefined) return `received ${found.name}. ${found.advice}`;
  const start = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex').replace(/..\B/g, '$& ');
  if (bytes.length < LEAST_BYTES) {
    return `the file is too short for any of them: ${bytes.length} bytes (${start}). Check that it was written in full.`;
  }
  return `the bytes begin with ${start}. Convert the image first; SVG and other active formats are refused on purpose.`;
}
