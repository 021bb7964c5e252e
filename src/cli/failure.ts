// Exit codes, and how anything that was thrown becomes a code, a message and an exit code.
import { debuglog, inspect } from 'node:util';
import { VisionError, messageOf, type VisionErrorCode } from '../errors.js';
import { printable } from './printable.js';

/** What the process ends with; 128 + the signal's number comes from {@link Interrupts}. */
export const EXIT = { ok: 0, inputsFailed: 1, usage: 2, failed: 3 } as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What the command line itself finds wrong, beside the library's codes. */
export type CommandErrorCode = 'USAGE' | 'OUTPUT_FAILED' | 'INTERRUPTED' | 'INTERNAL';

/** A failure as it is shown. */
export interface Failure {
  code: VisionErrorCode | CommandErrorCode;
  message: string;
  exitCode: ExitCode;
}

/** An error of the command line itself. */
export class CommandError extends Error {
  readonly code: CommandErrorCode;

  /**
   * @param code - what kind
   * @param message - what was expected, what came, and what to do
   * @param options - `cause`: the error underneath
   */
  constructor(code: CommandErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CommandError';
    this.code = code;
  }
}

const USAGE_CODES: ReadonlySet<string> = new Set(['USAGE', 'INVALID_OPTION', 'INVALID_ARGUMENT']);
const INPUT_CODES: ReadonlySet<string> = new Set([
  'INPUT_NOT_FOUND',
  'INPUT_UNREADABLE',
  'INPUT_EMPTY',
  'UNSUPPORTED_FORMAT',
  'DECODE_FAILED',
  'DECODER_CRASHED',
  'TOO_MANY_PIXELS',
  'TOO_MANY_BYTES',
  'TEXT_NOT_UNDERSTOOD',
]);
const debug = debuglog('semantic-vision');

/**
 * Describes what was thrown. `NODE_DEBUG=semantic-vision` also prints it whole, with its stack and causes.
 * @param error - anything
 * @returns what to show and to exit with
 */
export function failureOf(error: unknown): Failure {
  if (debug.enabled) debug('%s', inspect(error, { depth: 4 }).split('\n').map(printable).join('\n'));
  if (!(error instanceof VisionError) && !(error instanceof CommandError)) {
    return { code: 'INTERNAL', message: messageOf(error), exitCode: EXIT.failed };
  }
  const { code, message } = error;
  if (USAGE_CODES.has(code)) return { code, message, exitCode: EXIT.usage };
  return { code, message, exitCode: INPUT_CODES.has(code) ? EXIT.inputsFailed : EXIT.failed };
}
