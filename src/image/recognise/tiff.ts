// Tells cameras' RAW files that are built as TIFF from TIFF pictures, by the first directory; in doubt it is a picture.
import { foreign, readable, type Recognised } from './kinds.js';

const TAG = {
  subfileType: 254,
  compression: 259,
  photometric: 262,
  make: 271,
  subDirectories: 330,
  dngVersion: 50706,
  sonyPrivate: 50740,
} as const;
const ASCII = 2;
const ENTRY_BYTES = 12;
const MAX_NAME = 32;
const REDUCED = 1; // bit of the subfile type: this directory holds a smaller copy of another picture
// Nikon, Sony, Kodak, Pentax; colour filter array and linear raw.
const RAW_COMPRESSIONS = [34713, 32767, 65000, 65535];
const RAW_PHOTOMETRICS = [32803, 34892];
const FAMILIES: readonly [make: string, family: string][] = [
  ['NIKON', 'NEF'],
  ['SONY', 'ARW'],
  ['PENTAX', 'PEF'],
  ['SAMSUNG', 'SRW'],
  ['Hasselblad', '3FR'],
  ['SEIKO EPSON', 'ERF'],
  ['EASTMAN KODAK', 'DCR'],
  ['Kodak', 'DCR'],
  ['Mamiya', 'MEF'],
  ['Leaf', 'MOS'],
  ['Phase One', 'IIQ'],
];

/**
 * Looks at the first directory where the first bytes hold it.
 * @param head - the first bytes of a file, at least 12
 * @returns RAW, or a TIFF picture; undefined if it is no TIFF
 */
export function byTiff(head: Buffer): Recognised | undefined {
  const start = head.toString('latin1', 0, 4);
  const little = start === 'II*\0';
  if (!little && start !== 'MM\0*') return undefined;
  if (head.toString('latin1', 8, 10) === 'CR' && head[10] === 2) return foreign('raw', 'RAW (CR2)');
  if (head.toString('latin1', 8, 12) === 'IIII') return foreign('raw', 'RAW (IIQ)');
  const tags = firstDirectory(head, little);
  if (tags.numbers.has(TAG.dngVersion)) return foreign('raw', 'RAW (DNG)');
  return isRaw(tags) ? foreign('raw', `RAW (${familyOf(tags.make)})`) : readable('tiff');
}

interface Tags {
  numbers: Map<number, number>;
  make: string;
}

function isRaw({ numbers, make }: Tags): boolean {
  if (RAW_COMPRESSIONS.includes(numbers.get(TAG.compression) ?? 0)) return true;
  if (RAW_PHOTOMETRICS.includes(numbers.get(TAG.photometric) ?? 0)) return true;
  if (numbers.has(TAG.sonyPrivate) && make.startsWith('SONY')) return true;
  // A preview of what lies in a directory below: picture TIFFs with previews put them the other way round.
  const isPreview = ((numbers.get(TAG.subfileType) ?? 0) & REDUCED) !== 0;
  return isPreview && make !== '' && numbers.has(TAG.subDirectories);
}

function familyOf(make: string): string {
  return (
    FAMILIES.find(([start]) => make.startsWith(start))?.[1] ?? `TIFF of ${make === '' ? 'a camera' : make}`
  );
}

function firstDirectory(head: Buffer, little: boolean): Tags {
  const u16 = (at: number) =>
    at + 2 > head.length ? 0 : little ? head.readUInt16LE(at) : head.readUInt16BE(at);
  const u32 = (at: number) =>
    at + 4 > head.length ? 0 : little ? head.readUInt32LE(at) : head.readUInt32BE(at);
  const tags: Tags = { numbers: new Map(), make: '' };
  const directory = u32(4);
  const end = Math.min(directory + 2 + u16(directory) * ENTRY_BYTES, head.length);
  for (let p = directory + 2; p + ENTRY_BYTES <= end; p += ENTRY_BYTES) {
    const tag = u16(p);
    const type = u16(p + 2);
    const count = u32(p + 4);
    tags.numbers.set(tag, type === 3 ? u16(p + 8) : u32(p + 8));
    if (tag === TAG.make && type === ASCII) {
      const at = count > 4 ? u32(p + 8) : p + 8;
      const [make = ''] = head.toString('latin1', at, at + Math.min(count, MAX_NAME)).split('\0');
      tags.make = make.replace(/[^\x20-\x7e]/g, '').trim();
    }
  }
  return tags;
}
