// What a file of ISO base media boxes is, by its brands: HEIF pictures, RAW, video.
import { foreign, readable, type Recognised } from './kinds.js';

// As image-size, Pillow and libheif know them; ISO/IEC 23008-12 and the AV1 Image File Format register them.
const HEIC_STILL = ['heic', 'heix', 'heim', 'heis'];
const HEIC_SEQUENCE = ['hevc', 'hevx', 'hevm', 'hevs'];
const HEIF = [
  'mif1',
  'mif2',
  'mif3',
  'msf1',
  'miaf',
  'avci',
  'avcs',
  'vvic',
  'vvis',
  'jpeg',
  'jpgs',
  'j2ki',
  'j2is',
];
const AUDIO = ['M4A ', 'M4B ', 'M4P ', 'aax ', 'aaxc'];
const QUICKTIME = ['moov', 'mdat', 'wide', 'pnot', 'skip', 'free'];
const LEAST_BOX = 8;

const VIDEO = foreign('video', 'MP4 or QuickTime video');

/**
 * Reads the brands of the first box.
 * @param head - the first bytes of a file as latin1
 * @returns what they say; undefined if there is no such box
 */
export function byBoxes(head: string): Recognised | undefined {
  const type = head.slice(4, 8);
  const size = uint32(head, 0);
  // QuickTime began without brands. 1 stands for a length of 64 bits.
  if (QUICKTIME.includes(type)) return size >= LEAST_BOX || size === 1 ? VIDEO : undefined;
  if (type !== 'ftyp') return undefined;
  const major = head.slice(8, 12);
  const compatible: string[] = [];
  for (let p = 16; p + 4 <= Math.min(size, head.length); p += 4) compatible.push(head.slice(p, p + 4));
  return byBrands(major, compatible);
}

function byBrands(major: string, compatible: readonly string[]): Recognised {
  const has = (brands: readonly string[]) =>
    brands.includes(major) || brands.some((brand) => compatible.includes(brand));
  if (major === 'crx ') return foreign('raw', 'RAW (CR3)');
  if (major === 'avif') return readable('avif');
  // A sequence that holds a still picture too says so, and files of profiles (`MA1B`) do: that picture is decoded.
  const isHeic = HEIC_STILL.includes(major) || HEIC_SEQUENCE.includes(major);
  if (compatible.includes('avif') && !isHeic) return readable('avif');
  if (major === 'avis') {
    return foreign('image', 'animated AVIF', 'Take its first frame as JPEG or PNG first.');
  }
  const isSequence = HEIC_SEQUENCE.includes(major);
  if (HEIC_STILL.includes(major) || ((isSequence || HEIF.includes(major)) && has(HEIC_STILL)))
    return readable('heic');
  if (isSequence || (HEIF.includes(major) && has(HEIC_SEQUENCE))) {
    return foreign('image', 'HEIC image sequence', 'Take its first frame as JPEG or PNG first.');
  }
  if (HEIF.includes(major))
    return foreign('image', 'HEIF', 'It is not HEVC that it holds: convert it to JPEG or PNG first.');
  if (major === 'jxl ') return foreign('image', 'JPEG XL');
  return AUDIO.includes(major) ? foreign('audio', 'MPEG-4 audio') : VIDEO;
}

function uint32(head: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = value * 256 + (head.charCodeAt(i) || 0);
  return value;
}
