// Keeps ONNX Runtime's telemetry off in this process.

// At its first session it writes logs and a database into the user's folders, and matches the whole command line with a
// recursive expression: one argument of 15 KB overflows a worker's stack and ends the process.
const VARIABLE = 'ORT_DISABLE_TELEMETRY';

/** To be called on the main thread before a thread loads ONNX Runtime: a worker's own environment is only a copy. */
export function disableTelemetry(): void {
  process.env[VARIABLE] ??= '1';
}
