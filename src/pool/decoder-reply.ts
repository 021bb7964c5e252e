// Whether what came from a decoder process is an answer: one whose memory a file has damaged may send anything.
import { ERROR_CODES } from '../errors.js';
import type { Frame } from './frames.js';
import type { DecoderReply } from './protocol.js';

/**
 * Takes a frame for an answer only if it is one.
 * @param frame - from the process
 * @param byteLength - how many bytes belong to a success
 * @returns the answer
 * @throws Error that says what is wrong
 */
export function checkedReply({ message, bytes }: Frame, byteLength: number): DecoderReply {
  if (typeof message !== 'object' || message === null) throw new Error('its message is no object');
  const reply = message as Record<string, unknown>;
  if (reply.ok === true ? !isTime(reply.decode) || !isTime(reply.preprocess) : !isFailure(reply)) {
    throw new Error('its message is neither a success nor a failure');
  }
  const expected = reply.ok ? byteLength : 0;
  if (bytes.length !== expected) throw new Error(`${bytes.length} bytes where ${expected} belong`);
  return message as DecoderReply;
}

function isTime(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}

function isFailure({ ok, code, message, cause }: Record<string, unknown>): boolean {
  return (
    ok === false &&
    typeof code === 'string' &&
    Object.hasOwn(ERROR_CODES, code) &&
    typeof message === 'string' &&
    (cause === undefined || typeof cause === 'string')
  );
}
