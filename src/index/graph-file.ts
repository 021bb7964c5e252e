// The shape of hnswlib's file: hnswlib writes without looking whether it worked and reads without looking what it gets.
import type { FileHandle } from 'node:fs/promises';
import type { IndexSettings } from './settings.js';

// hnswalg.h, saveIndex(), 64-bit: offsetLevel0, max_elements, cur_element_count, size_data_per_element, label_offset,
// offsetData (8 bytes each), maxlevel, enterpoint_node (4 each), maxM, maxM0, M, mult, ef_construction (8 each).
const HEADER_BYTES = 96;
const AT = { elements: 16, bytesPerElement: 24, m: 72 };
const CHUNK_BYTES = 65_536;

/**
 * Checks that a graph file is complete: the header says what the index says, and the lengths inside add up to the
 * length of the file. A full disk leaves a file that does not.
 * @param handle - the file, open for reading
 * @param settings - of the index
 * @param elements - vectors it must hold, deleted ones included
 * @returns what is wrong, as `expected` and `actual`; undefined when nothing is
 */
export async function checkGraphFile(
  handle: FileHandle,
  settings: IndexSettings,
  elements: number,
): Promise<{ expected: string; actual: string } | undefined> {
  const { size } = await handle.stat();
  const header = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await handle.read(header, 0, HEADER_BYTES, 0);
  if (bytesRead < HEADER_BYTES) return differs('bytes or more', HEADER_BYTES, size);

  // Level 0 of an element: a count and 2 m links of 4 bytes each, the vector, an 8-byte label.
  const bytesPerElement = 4 + settings.m * 8 + settings.dimensions * 4 + 8;
  const wrong =
    differs('vectors', elements, Number(header.readBigUInt64LE(AT.elements))) ??
    differs('bytes per vector', bytesPerElement, Number(header.readBigUInt64LE(AT.bytesPerElement))) ??
    differs('links per vector (m)', settings.m, Number(header.readBigUInt64LE(AT.m)));
  if (wrong !== undefined) return wrong;

  // Above level 0 each element has a byte count and as many bytes of links; most have none.
  const reader = new ForwardReader(handle, HEADER_BYTES + elements * bytesPerElement);
  for (let element = 0; element < elements; element++) {
    const links = reader.has(4) || (await reader.fill(4)) ? reader.takeUInt32() : size;
    reader.skip(links);
    if (reader.position > size) return differs('bytes', reader.position, size);
  }
  return differs('bytes', reader.position, size);
}

function differs(
  unit: string,
  expected: number,
  actual: number,
): { expected: string; actual: string } | undefined {
  return expected === actual ? undefined : { expected: `${expected} ${unit}`, actual: `${actual} ${unit}` };
}

// Reads small numbers from a file front to back, a chunk at a time.
class ForwardReader {
  position: number;
  readonly #handle: FileHandle;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #chunkStart = 0;
  #chunkEnd = 0;

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle;
    this.position = position;
  }

  has(bytes: number): boolean {
    return this.position >= this.#chunkStart && this.position + bytes <= this.#chunkEnd;
  }

  async fill(bytes: number): Promise<boolean> {
    const { bytesRead } = await this.#handle.read(this.#chunk, 0, CHUNK_BYTES, this.position);
    this.#chunkStart = this.position;
    this.#chunkEnd = this.position + bytesRead;
    return bytesRead >= bytes;
  }

  takeUInt32(): number {
    const value = this.#chunk.readUInt32LE(this.position - this.#chunkStart);
    this.position += 4;
    return value;
  }

  skip(bytes: number): void {
    this.position += bytes;
  }
}
