// The published signatures of formats that are known by fixed bytes at a fixed place.
import { foreign, readable, type Kind, type Recognised } from './kinds.js';

type Signature = [at: number, bytes: string, found: Recognised];

const signature = (kind: Kind, name: string, at: number, bytes: string, advice?: string): Signature => [
  at,
  bytes,
  foreign(kind, name, advice),
];

const GIT_LFS =
  'It stands for a file that Git LFS has not fetched: run "git lfs pull", or download the file itself.';

// Bytes as latin1. The first that fits wins, so that longer ones stand before their beginnings.
const SIGNATURES: readonly Signature[] = [
  [0, '\xff\xd8\xff', readable('jpeg')], // MPO is a JPEG with more JPEGs behind it
  [0, 'GIF8', readable('gif')],
  [0, 'II+\0', readable('tiff')], // BigTIFF
  [0, 'MM\0+', readable('tiff')],
  signature('image', 'JPEG XL', 0, '\xff\x0a'),
  signature('image', 'JPEG XL', 0, '\0\0\0\x0cJXL \r\n\x87\n'),
  signature('image', 'JPEG 2000', 0, '\0\0\0\x0cjP  \r\n\x87\n'),
  signature('image', 'JPEG 2000', 0, '\xff\x4f\xff\x51'),
  signature('image', 'JPEG XR', 0, 'II\xbc\x01'),
  signature('image', 'Photoshop (PSD)', 0, '8BPS'),
  signature('image', 'GIMP (XCF)', 0, 'gimp xcf'),
  signature('image', 'OpenEXR', 0, '\x76\x2f\x31\x01'),
  signature('image', 'Radiance HDR', 0, '#?RADIANCE'),
  signature('image', 'Radiance HDR', 0, '#?RGBE'),
  signature('image', 'DDS', 0, 'DDS '),
  signature('image', 'QOI', 0, 'qoif'),
  signature('image', 'FLIF', 0, 'FLIF'),
  signature('image', 'BPG', 0, 'BPG\xfb'),
  signature('image', 'ICNS', 0, 'icns'),
  signature('image', 'MNG', 0, '\x8aMNG\r\n\x1a\n'),
  signature('image', 'JNG', 0, '\x8bJNG\r\n\x1a\n'),
  signature('image', 'SGI', 0, '\x01\xda'),
  signature('image', 'Sun raster', 0, '\x59\xa6\x6a\x95'),
  signature('image', 'farbfeld', 0, 'farbfeld'),
  signature('image', 'FITS', 0, 'SIMPLE  ='),
  signature('image', 'DICOM', 128, 'DICM'),
  signature('raw', 'RAW (ORF)', 0, 'IIRO'),
  signature('raw', 'RAW (ORF)', 0, 'IIRS'),
  signature('raw', 'RAW (ORF)', 0, 'MMOR'),
  signature('raw', 'RAW (RW2)', 0, 'IIU\0'),
  signature('raw', 'RAW (RAF)', 0, 'FUJIFILMCCD-RAW'),
  signature('raw', 'RAW (X3F)', 0, 'FOVb'),
  signature('raw', 'RAW (MRW)', 0, '\0MRM'),
  signature('raw', 'RAW (CRW)', 6, 'HEAPCCDR'),
  signature('document', 'PDF', 0, '%PDF-'),
  signature('document', 'DjVu', 0, 'AT&TFORM'),
  signature('document', 'OLE document (Office)', 0, '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'),
  signature('drawing', 'PostScript', 0, '%!PS'),
  signature('drawing', 'EPS', 0, '\xc5\xd0\xd3\xc6'),
  signature('drawing', 'WMF', 0, '\xd7\xcd\xc6\x9a'),
  signature('drawing', 'EMF', 40, ' EMF'),
  signature('video', 'Matroska or WebM video', 0, '\x1a\x45\xdf\xa3'),
  signature('video', 'MPEG video', 0, '\0\0\x01\xba'),
  signature('video', 'MPEG video', 0, '\0\0\x01\xb3'),
  signature('video', 'Windows Media', 0, '\x30\x26\xb2\x75\x8e\x66\xcf\x11'),
  signature('video', 'Flash video', 0, 'FLV\x01'),
  signature('audio', 'MP3 audio', 0, 'ID3'),
  signature('audio', 'FLAC audio', 0, 'fLaC'),
  signature('audio', 'Ogg audio or video', 0, 'OggS'),
  signature('audio', 'MIDI', 0, 'MThd'),
  signature('archive', 'gzip archive', 0, '\x1f\x8b'),
  signature('archive', 'ZIP archive or Office document', 0, 'PK\x03\x04'),
  signature('archive', 'ZIP archive or Office document', 0, 'PK\x05\x06'),
  signature('archive', '7z archive', 0, '7z\xbc\xaf\x27\x1c'),
  signature('archive', 'RAR archive', 0, 'Rar!\x1a\x07'),
  signature('archive', 'xz archive', 0, '\xfd7zXZ\0'),
  signature('archive', 'bzip2 archive', 0, 'BZh'),
  signature('archive', 'Zstandard archive', 0, '\x28\xb5\x2f\xfd'),
  signature('archive', 'tar archive', 257, 'ustar'),
  signature('text', 'Git LFS pointer', 0, 'version https://git-lfs.github.com/spec/', GIT_LFS),
  signature('data', 'SQLite database', 0, 'SQLite format 3\0'),
  signature('data', 'ELF program', 0, '\x7fELF'),
  signature('data', 'NumPy array', 0, '\x93NUMPY'),
  signature('data', 'AppleDouble file', 0, '\0\x05\x16\x07'),
];
const RIFF: Readonly<Record<string, Recognised>> = {
  WEBP: readable('webp'),
  'AVI ': foreign('video', 'AVI video'),
  WAVE: foreign('audio', 'WAV audio'),
  ACON: foreign('image', 'animated cursor (ANI)'),
};
const MAX_ICONS = 255;
// Each packet begins with one letter, so three of them are asked for.
const TS_PACKETS = [0, 188, 376];
// ITU-T T.81 aside, Apple's tools write PNGs whose pixels no PNG decoder reads.
const CGBI = foreign(
  'image',
  'PNG (CgBI of Xcode)',
  'Take the original, or convert it back with "pngcrush -revert-iphone-optimizations".',
);

/**
 * Looks for fixed bytes.
 * @param head - the first bytes of a file as latin1
 * @returns what they say; undefined if they are none of these
 */
export function bySignature(head: string): Recognised | undefined {
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return head.startsWith('CgBI', 12) ? CGBI : readable('png');
  if (head.startsWith('RIFF') || head.startsWith('RIFX')) {
    return RIFF[head.slice(8, 12)] ?? foreign('data', 'RIFF file');
  }
  if (head.startsWith('BM')) return bitmap(head);
  const icon = iconOf(head);
  if (icon !== undefined) return icon;
  if (/^P[1-7fF][\s#][\s#]*[\d#W-]/.test(head)) return foreign('image', 'Netpbm (PNM, PAM or PFM)');
  if (isPcx(head)) return foreign('image', 'PCX');
  if (TS_PACKETS.every((at) => head.startsWith('G', at))) return foreign('video', 'MPEG transport stream');
  return SIGNATURES.find(([at, bytes]) => head.startsWith(bytes, at))?.[2];
}

// Two letters are little: a text may begin with them. The size of the next header is below 64 KiB in every version.
function bitmap(head: string): Recognised | undefined {
  const text = head.length >= 18 && (head.charCodeAt(16) !== 0 || head.charCodeAt(17) !== 0);
  return text ? undefined : readable('bmp');
}

// Icons and cursors: a kind, a number of pictures, and a zero in the entry of the first one. TGA begins alike but for the number.
function iconOf(head: string): Recognised | undefined {
  const [zero, kind, count] = [0, 2, 4].map((at) => head.charCodeAt(at) + 256 * head.charCodeAt(at + 1));
  if (zero !== 0 || !count || count > MAX_ICONS || head.charCodeAt(9) !== 0) return undefined;
  if (kind === 1) return foreign('image', 'icon (ICO)');
  return kind === 2 ? foreign('image', 'cursor (CUR)') : undefined;
}

function isPcx(head: string): boolean {
  const [manufacturer, version, encoding, bits] = [0, 1, 2, 3].map((at) => head.charCodeAt(at)) as [
    number,
    number,
    number,
    number,
  ];
  return manufacturer === 10 && version <= 5 && encoding === 1 && [1, 2, 4, 8].includes(bits);
}
