// Opens a tower: its prepared form, whose weights are shared, where there is one that does what it should.
import type { PreparedGraph, Probe } from '../pool/protocol.js';
import { prove } from './probe.js';
import { TowerSession, preparedOptions } from './session.js';

/** An open tower. */
export interface OpenTower {
  session: TowerSession;
  /** Whether its weights are mapped from the prepared form. */
  shared: boolean;
  /** Length of its output; undefined before it has been run. */
  dimensions: number | undefined;
}

/**
 * Opens a tower.
 * @param path - its ONNX file
 * @param prepared - its prepared form, if there is one; it is not used when it cannot be loaded, or, by the probe,
 * computes something else
 * @param input - the input that it must have
 * @param options - ONNX Runtime's session options
 * @returns the tower
 * @throws `MODEL_INVALID` as {@link TowerSession.open} does
 */
export async function openTower(
  path: string,
  prepared: PreparedGraph | undefined,
  input: Probe['input'],
  options: Record<string, unknown>,
): Promise<OpenTower> {
  const tower = prepared && (await openPrepared(prepared, options));
  if (tower !== undefined) return tower;
  return { session: await TowerSession.open(path, input, options), shared: false, dimensions: undefined };
}

async function openPrepared(
  { path, probe, proof }: PreparedGraph,
  options: Record<string, unknown>,
): Promise<OpenTower | undefined> {
  let session: TowerSession | undefined;
  try {
    session = await TowerSession.open(path, probe.input, preparedOptions(options));
    const actual = await prove(session, probe);
    if (actual.proof === proof) return { session, shared: true, dimensions: actual.dimensions };
  } catch {
    // Gone, damaged, or written by another ONNX Runtime: the file that it was made from is still there.
  }
  await session?.release();
  return undefined;
}
