// What a prepared graph depends on, and the name that follows from it.
import { createHash } from 'node:crypto';
import type { Probe } from '../../pool/protocol.js';
import { cpuType, type CpuType } from './cpu.js';
import { runtimeVersion } from './runtime.js';

/** Everything that decides what ONNX Runtime writes; a prepared graph is right where all of it is equal. */
export interface KeyParts {
  /** Names the content of the graph that it is made from. */
  source: string;
  /** Version of onnxruntime-node. */
  runtime: string;
  cpu: CpuType;
  /** The session options that change the graph, by name. */
  options: Record<string, unknown>;
  /** The input that it is proven with. */
  probe: Probe;
}

// Threads, logging and memory: they change how a graph is run, not what it is.
const WITHOUT_EFFECT = new Set([
  'intraOpNumThreads',
  'interOpNumThreads',
  'executionMode',
  'enableCpuMemArena',
  'enableMemPattern',
  'enableProfiling',
  'profileFilePrefix',
  'logId',
  'logSeverityLevel',
  'logVerbosityLevel',
]);
const THREADING = /^session\.(intra_op\.|inter_op\.|force_spinning_stop$)/;

/**
 * @param source - names the content of the graph
 * @param sessionOptions - as the workers have them
 * @param probe - what proves it
 * @returns the parts of its key on this machine
 * @throws Error when onnxruntime-node is not installed
 */
export function keyParts(source: string, sessionOptions: Record<string, unknown>, probe: Probe): KeyParts {
  return {
    source,
    runtime: runtimeVersion(),
    cpu: cpuType(),
    options: graphOptions(sessionOptions),
    probe,
  };
}

/**
 * @param parts - what the graph depends on
 * @returns the name of its folder: the same for equal parts, in whatever order they were written
 */
export function keyOf(parts: KeyParts): string {
  // 128 bits are plenty, and leave room for the rest of a path on Windows.
  return createHash('sha256').update(canonical(parts)).digest('hex').slice(0, 32);
}

/**
 * @param value - plain data
 * @returns JSON with every object's keys in order
 */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/**
 * Says why a graph cannot be prepared under some session options.
 * @param options - ONNX Runtime's
 * @returns the reason; undefined when it can
 */
export function whyNotPreparable(options: Record<string, unknown>): string | undefined {
  for (const name of ['optimizedModelFilePath', 'externalData', 'freeDimensionOverrides']) {
    if (options[name] !== undefined) return `session option "${name}" is set`;
  }
  const providers = Array.isArray(options.executionProviders) ? (options.executionProviders as unknown[]) : ['cpu'];
  // Other providers compile parts of the graph into what cannot be saved.
  const other = providers.find((provider) => (isRecord(provider) ? provider.name : provider) !== 'cpu');
  return other === undefined ? undefined : 'an execution provider other than cpu is asked for';
}

function graphOptions(options: Record<string, unknown>): Record<string, unknown> {
  const effective = Object.entries(options).filter(
    ([name, value]) => name !== 'extra' && value !== undefined && !WITHOUT_EFFECT.has(name),
  );
  const extra = Object.entries(flat(options.extra, '')).filter(([name]) => !THREADING.test(name));
  return { ...Object.fromEntries(effective), extra: Object.fromEntries(extra) };
}

// ONNX Runtime joins the nested names with dots itself: both spellings are one option.
function flat(value: unknown, prefix: string): Record<string, unknown> {
  if (!isRecord(value)) return {};
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, inner]) =>
      isRecord(inner) ? flat(inner, `${prefix}${name}.`) : { [prefix + name]: inner },
    ),
  ) as Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
