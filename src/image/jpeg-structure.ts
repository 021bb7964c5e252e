// Tells a complete JPEG from a truncated one by its markers: the decoder fills what is missing with grey, silently.

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;

/**
 * Whether the JPEG's marker stream reaches its own end-of-image marker: the rule by which the reference (Pillow on
 * libjpeg) accepts a file or refuses it as truncated. Bytes after that marker are allowed: phones append depth maps,
 * videos and padding there.
 *
 * Segments are skipped by their length fields, so an end marker inside a thumbnail (APP1, APP13) does not count.
 * Entropy-coded data cannot hold a marker: there 0xFF is followed by 0x00 (stuffing), 0xD0-0xD7 (restart) or 0xFF
 * (fill), so the first other pair ends the scan. Stray bytes between segments are skipped, as libjpeg does. It looks at
 * structure only: a flipped bit inside a scan is not seen here (the reference does not see it either).
 * @param bytes - the whole file, of any content: anything that is no JPEG gives false, nothing throws
 * @returns true if an EOI marker follows at least one scan
 * @see ITU-T T.81, annex B (marker syntax) and F.1.2.3 (byte stuffing)
 */
export function jpegEndsProperly(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength); // a view: Buffer's indexOf is memchr
  if (buffer[0] !== 0xff || buffer[1] !== SOI) return false;
  let scans = 0;
  let position = 2;
  for (;;) {
    position = afterNextMarker(buffer, position);
    if (position < 0) return false;
    const code = buffer[position - 1];
    if (code === EOI) return scans > 0;
    if (code === SOI || code === 0x01) continue; // stand alone: no length follows
    if (position + 2 > buffer.length) return false;
    const length = buffer.readUInt16BE(position);
    if (length < 2 || position + length > buffer.length) return false;
    if (code === SOS) scans++;
    position += length;
  }
}

/**
 * Finds the next marker that is neither stuffing, fill nor restart.
 * @param buffer - the whole file
 * @param from - offset to search from
 * @returns the offset just behind the marker's second byte, or -1 if the file ends first
 */
function afterNextMarker(buffer: Buffer, from: number): number {
  let at = from;
  for (;;) {
    at = buffer.indexOf(0xff, at);
    if (at < 0) return -1;
    let code = buffer[++at];
    while (code === 0xff) code = buffer[++at];
    if (code === undefined) return -1;
    at++;
    if (code !== 0x00 && (code < 0xd0 || code > 0xd7)) return at;
  }
}
