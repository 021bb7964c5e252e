// Boxes of the ISO base media format, and AVIF files of them that hold no picture.

/**
 * @param type - four letters
 * @param content - of it, in pieces
 * @returns a box
 */
export function box(type: string, ...content: Uint8Array[]): Buffer {
  const data = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + data.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data]);
}

/**
 * @param type - four letters
 * @param version - of the box; its flags are 0
 * @param content - of it, in pieces
 * @returns a box with version and flags
 */
export function fullBox(type: string, version: number, ...content: Uint8Array[]): Buffer {
  return box(type, Buffer.from([version, 0, 0, 0]), ...content);
}

/**
 * @param width - pixels in a row
 * @param height - rows
 * @returns the property that says so
 */
export function ispe(width: number, height: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(width);
  data.writeUInt32BE(height, 4);
  return fullBox('ispe', 0, data);
}

/** How an AVIF begins. */
export const FTYP = box('ftyp', Buffer.from('avif\0\0\0\0avifmif1'));

/**
 * @param properties - boxes
 * @param meta - more boxes of the meta box, before them
 * @returns a file of these
 */
export function avifOf(properties: Uint8Array[], ...meta: Uint8Array[]): Buffer {
  return Buffer.concat([FTYP, fullBox('meta', 0, ...meta, box('iprp', box('ipco', ...properties)))]);
}
