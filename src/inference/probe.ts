// A fixed input for a tower: what comes out proves that two files of one model compute the same.
import { createHash } from 'node:crypto';
import type { Probe } from '../pool/protocol.js';
import { imageTensor, tokenTensor, type TowerSession } from './session.js';

// Every text tower has at least as many positions.
const TOKENS = 8;

/**
 * Runs a tower on the probe. The input is noise, so that every weight has its part in every number that comes out.
 * @param session - the tower
 * @param probe - the shape of its input
 * @returns length of the output, and SHA-256 (hex) of its bytes
 * @throws `MODEL_INVALID` as the run does
 */
export async function prove(
  session: TowerSession,
  probe: Probe,
): Promise<{ dimensions: number; proof: string }> {
  const [output] = (await session.run(tensorOf(probe, session.fixedLength))) as [Float32Array];
  const bytes = new Uint8Array(output.buffer, output.byteOffset, output.byteLength);
  return { dimensions: output.length, proof: createHash('sha256').update(bytes).digest('hex') };
}

function tensorOf(probe: Probe, fixedLength: number | undefined) {
  if (probe.input === 'input_ids') {
    // Every vocabulary has this many tokens.
    const length = fixedLength ?? TOKENS;
    return tokenTensor([Array.from({ length }, (_, position) => (position * 7) % 97)]);
  }
  const pixels = new Float32Array(3 * probe.height * probe.width);
  // Numerical Recipes' generator: the same on every machine.
  for (let i = 0, state = 1; i < pixels.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state / 2 ** 31 - 1;
  }
  return imageTensor(pixels, probe.height, probe.width);
}
