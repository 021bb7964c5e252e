// Writes safetensors files.

/** A tensor to write. */
export interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

/**
 * @param tensors - by name
 * @returns the file
 */
export function safetensors(tensors: Record<string, Tensor>): Buffer {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...Object.values(tensors).map(({ bytes }) => bytes)]);
}
