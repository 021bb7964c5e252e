// A Buffer over bytes that are somebody else's.

/**
 * Shows bytes as a Buffer, for its searches and reads; nothing is copied.
 * @param bytes - of any kind
 * @returns the same memory
 */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
