// What the first bytes of a file say it is: by published signatures, by files of other programs, and by any bytes at all.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readHeader } from '../dist/esm/image/header.js';
import { HEAD_BYTES, isForeignImage, recognise } from '../dist/esm/image/recognise/recognise.js';
import { refused } from './helpers/assertions.js';
import { ROOT, fixture, photo } from './helpers/fixtures.js';
import { goldenBytes, goldenFiles } from './helpers/golden.js';

/** Latin1 text, filled up with zeros so that it is long enough. */
function head(text: string, length = 64): Buffer {
  return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(Math.max(0, length - text.length))]);
}

function ftyp(major: string, ...compatible: string[]): Buffer {
  const brands = Buffer.from(major + '\0\0\0\0' + compatible.join(''), 'latin1');
  const size = Buffer.alloc(4);
  size.writeUInt32BE(8 + brands.length);
  return Buffer.concat([size, Buffer.from('ftyp'), brands, Buffer.alloc(64)]);
}

type Entry = [tag: number, value: number | string];

/** A TIFF's first directory; values are LONGs or texts. */
function tiff(entries: Entry[], little = true): Buffer {
  const b = Buffer.alloc(512);
  const u16 = (value: number, at: number) =>
    little ? b.writeUInt16LE(value, at) : b.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    little ? b.writeUInt32LE(value, at) : b.writeUInt32BE(value, at);
  b.write(little ? 'II' : 'MM');
  u16(42, 2);
  u32(16, 4);
  u16(entries.length, 16);
  let text = 256;
  entries.forEach(([tag, value], i) => {
    const at = 18 + 12 * i;
    u16(tag, at);
    u16(typeof value === 'string' ? 2 : 4, at + 2);
    if (typeof value === 'number') {
      u32(1, at + 4);
      u32(value, at + 8);
    } else {
      u32(value.length + 1, at + 4);
      u32(text, at + 8);
      b.write(value, text, 'latin1');
      text += value.length + 1;
    }
  });
  return b;
}

const PREVIEW: Entry = [254, 1];
const BELOW: Entry = [330, 300];

// By name, as it is counted and shown.
const TABLE: Record<string, Buffer[]> = {
  JPEG: [head('\xff\xd8\xff\xe0'), head('\xff\xd8\xff\xe2\0\x58MPF\0')],
  PNG: [head('\x89PNG\r\n\x1a\n\0\0\0\rIHDR'), head('\x89PNG\r\n\x1a\n\0\0\0\x08acTL')],
  WebP: [head('RIFF\x20\0\0\0WEBPVP8 ')],
  GIF: [head('GIF87a'), head('GIF89a')],
  BMP: [head('BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0'), head('BM\0\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0')],
  TIFF: [
    head('II*\0\x08\0\0\0'),
    head('MM\0*\0\0\0\x08'),
    head('II+\0\x08\0\0\0'),
    head('MM\0+\0\x08\0\0'),
    tiff([[271, 'Canon']]), // developed by the camera's own program
    tiff([[271, 'NIKON CORPORATION'], BELOW]), // a pyramid below a whole picture
    tiff([PREVIEW, BELOW]), // no camera
    tiff([PREVIEW, [271, 'SONY']]), // nothing below
  ],
  AVIF: [
    ftyp('avif', 'avif', 'mif1', 'miaf'),
    ftyp('mif1', 'avif'),
    ftyp('avis', 'avif', 'avis', 'msf1', 'mif1'),
  ],
  HEIC: [
    ftyp('heic', 'mif1', 'heic'),
    ftyp('heix', 'mif1'),
    ftyp('heim'),
    ftyp('heis'),
    ftyp('mif1', 'heic', 'hevc'),
    ftyp('msf1', 'heix'),
    ftyp('hevc', 'mif1', 'heic'),
  ],
  'HEIC image sequence': [ftyp('hevc', 'msf1', 'hevc'), ftyp('msf1', 'hevc'), ftyp('hevx')],
  HEIF: [ftyp('mif1', 'miaf'), ftyp('avci'), ftyp('msf1', 'iso8')],
  'animated AVIF': [ftyp('avis', 'avis', 'msf1')],
  'JPEG XL': [head('\xff\x0a\xfa\x1f'), head('\0\0\0\x0cJXL \r\n\x87\n')],
  'JPEG 2000': [head('\0\0\0\x0cjP  \r\n\x87\n'), head('\xff\x4f\xff\x51\0\x2f')],
  'JPEG XR': [head('II\xbc\x01\x08\0\0\0')],
  'PNG (CgBI of Xcode)': [head('\x89PNG\r\n\x1a\n\0\0\0\x04CgBI')],
  'RAW (CR2)': [head('II*\0\x10\0\0\0CR\x02\0')],
  'RAW (CR3)': [ftyp('crx ', 'crx ', 'isom')],
  'RAW (CRW)': [head('II\x1a\0\0\0HEAPCCDR')],
  'RAW (DNG)': [tiff([[50706, 0x00000401]]), tiff([[50706, 0x00000401]], false)],
  'RAW (NEF)': [
    tiff([PREVIEW, [271, 'NIKON CORPORATION'], BELOW], false),
    tiff([
      [259, 34713],
      [271, 'NIKON'],
    ]),
  ],
  'RAW (ARW)': [
    tiff([
      [271, 'SONY'],
      [50740, 9],
    ]),
    tiff([
      [259, 32767],
      [271, 'SONY '],
    ]),
  ],
  'RAW (PEF)': [
    tiff(
      [
        [259, 65535],
        [271, 'PENTAX Corporation'],
      ],
      false,
    ),
  ],
  'RAW (SRW)': [tiff([PREVIEW, [271, 'SAMSUNG'], BELOW])],
  'RAW (TIFF of Acme)': [
    tiff([
      [262, 32803],
      [271, 'Acme'],
    ]),
  ],
  'RAW (TIFF of a camera)': [tiff([[262, 34892]])],
  'RAW (IIQ)': [head('II*\0\x08\0\0\0IIII')],
  'RAW (ORF)': [head('IIRO\x08\0\0\0'), head('IIRS\x08\0\0\0'), head('MMOR\0\0\0\x08')],
  'RAW (RW2)': [head('IIU\0\x18\0\0\0')],
  'RAW (RAF)': [head('FUJIFILMCCD-RAW 0201')],
  'RAW (X3F)': [head('FOVb')],
  'RAW (MRW)': [head('\0MRM')],
  PDF: [head('%PDF-1.7')],
  DjVu: [head('AT&TFORM')],
  PostScript: [head('%!PS-Adobe-3.0')],
  EPS: [head('\xc5\xd0\xd3\xc6')],
  WMF: [head('\xd7\xcd\xc6\x9a')],
  EMF: [head(`\x01\0\0\0${'\0'.repeat(36)} EMF`)],
  SVG: [
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    Buffer.from('\ufeff\n<?xml version="1.0"?>\n<!-- made by hand --><!-- > -->\n<svg\n/>'),
    Buffer.from('<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg/>'),
    Buffer.from('<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>'),
    Buffer.from('\ufeff<svg width="10" height="10"/>', 'utf16le'),
  ],
  HTML: [
    Buffer.from('<!DOCTYPE html>\n<title>404</title>'),
    Buffer.from('  <html lang="en"><body>'),
    Buffer.from('<!-- x --><HTML><head>'),
  ],
  XML: [Buffer.from('<?xml version="1.0"?><x:xmpmeta/>'), Buffer.from(`<?xml?><!-- ${'x'.repeat(5000)}`)],
  text: [Buffer.from('just some words'), Buffer.from('BMW is a maker of cars'), Buffer.from('äöü é 日本語')],
  'Git LFS pointer': [Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00')],
  'MP4 or QuickTime video': [
    ftyp('isom', 'iso2', 'avc1'),
    ftyp('mp42'),
    ftyp('qt  ', 'qt  '),
    ftyp('3gp4'),
    head('\0\0\0\x08wide\0\0\0\0mdat'),
    head('\0\0\x10\0moov'),
  ],
  'MPEG-4 audio': [ftyp('M4A ', 'mp42')],
  'Matroska or WebM video': [head('\x1a\x45\xdf\xa3')],
  'AVI video': [head('RIFF\0\0\0\0AVI LIST')],
  'WAV audio': [head('RIFF\0\0\0\0WAVEfmt ')],
  'MPEG video': [head('\0\0\x01\xba'), head('\0\0\x01\xb3')],
  'MPEG transport stream': [Buffer.alloc(752, `G${'\0'.repeat(187)}`)],
  'Photoshop (PSD)': [head('8BPS\0\x01')],
  'icon (ICO)': [head('\0\0\x01\0\x02\0\x10\x10\0\0')],
  'cursor (CUR)': [head('\0\0\x02\0\x01\0\x20\x20\0\0')],
  'Netpbm (PNM, PAM or PFM)': [
    head('P6\n200 150\n255\n'),
    head('P1 # made by hand\n1 1'),
    head('P7\nWIDTH 4'),
    head('Pf\n4 4\n-1.0'),
  ],
  OpenEXR: [head('\x76\x2f\x31\x01\x02')],
  'Radiance HDR': [head('#?RADIANCE\n'), head('#?RGBE\n')],
  DDS: [head('DDS \x7c')],
  QOI: [head('qoif')],
  FLIF: [head('FLIF')],
  BPG: [head('BPG\xfb')],
  ICNS: [head('icns')],
  'GIMP (XCF)': [head('gimp xcf v011')],
  PCX: [head('\x0a\x05\x01\x08')],
  FITS: [head('SIMPLE  =                    T')],
  DICOM: [head(`${'\0'.repeat(128)}DICM`, 256)],
  'gzip archive': [head('\x1f\x8b\x08')],
  'ZIP archive or Office document': [head('PK\x03\x04'), head('PK\x05\x06')],
  '7z archive': [head('7z\xbc\xaf\x27\x1c')],
};

const table = suite('recognise: signatures');

table('each head has its name', () => {
  for (const [name, heads] of Object.entries(TABLE))
    for (const bytes of heads) assert.is(recognise(bytes)?.name, name, bytes.toString('latin1', 0, 24));
});

table('what is not decoded comes with advice, and pictures are told from the rest', () => {
  for (const heads of Object.values(TABLE)) {
    for (const bytes of heads) {
      const found = recognise(bytes)!;
      if (found.format === undefined) assert.match(found.advice, /^[A-Z].*\.$/);
    }
  }
  const images = ['JPEG XL', 'RAW (CR2)', 'Photoshop (PSD)', 'animated AVIF'];
  const others = ['PDF', 'SVG', 'text', 'MP4 or QuickTime video', 'HTML'];
  for (const name of images) assert.ok(isForeignImage(recognise(TABLE[name]![0]!)), name);
  for (const name of [...others, 'JPEG']) assert.not(isForeignImage(recognise(TABLE[name]![0]!)), name);
});

table('nothing known: bytes without a meaning, a TGA, fewer than 12 bytes', () => {
  assert.is(recognise(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])), undefined);
  assert.is(recognise(head('\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\x20')), undefined);
  assert.is(recognise(head('\x89PNG\r\n\x1a\n\0\0\0', 0)), undefined);
  assert.is(recognise(Buffer.alloc(0)), undefined);
});

table('the refusal names the format, what would be read, and what to do', async () => {
  const told = (bytes: Buffer, pattern: RegExp) =>
    refused(() => readHeader(bytes, 1e8), 'UNSUPPORTED_FORMAT', pattern);
  await told(TABLE['JPEG XL']![0]!, /^Expected JPEG, .* or BMP but received JPEG XL\. Convert it/);
  await told(TABLE['RAW (NEF)']![0]!, /RAW \(NEF\)\. Develop it/);
  await told(TABLE.PDF![0]!, /PDF\. Render a page/);
  await told(TABLE.HTML![0]!, /HTML\. It is a web page/);
  await told(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), /begin with 01 02 03 04 05 06 07 08\. /);
  await told(Buffer.from([0xff, 0xd8]), /too short for any of them: 2 bytes \(ff d8\)/);
});

table.run();

const files = suite('recognise: files');
const scratch = mkdtempSync(join(tmpdir(), 'semantic-vision-recognise-'));

function below(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

files('the golden images are what their names say', () => {
  const names: Record<string, string> = { jpg: 'jpeg', tif: 'tiff' };
  for (const name of goldenFiles) {
    const extension = name.slice(name.lastIndexOf('.') + 1);
    assert.is(recognise(goldenBytes(name))?.format, names[extension] ?? extension, name);
  }
});

files('the cases', () => {
  const named = (name: string) => recognise(readFileSync(fixture(`cases/${name}`)))?.name;
  assert.is(named('jpeg-named.heic'), 'JPEG');
  assert.is(named('heic-header-only.heic'), 'HEIC');
  assert.is(named('raw-cr2-like.cr2'), 'RAW (CR2)');
  assert.is(named('png-apple-cgbi.png'), 'PNG (CgBI of Xcode)');
  assert.is(named('avif-sequence.avif'), 'AVIF');
});

files('the first 4 KiB say the same as the whole file, wherever it lies in memory', () => {
  const all = [...below(join(ROOT, 'test', 'fixtures')), ...below(join(ROOT, 'docs')), photo('two-dogs')];
  assert.ok(all.length > 100);
  for (const path of all) {
    const bytes = readFileSync(path);
    const whole = recognise(bytes);
    assert.equal(recognise(bytes.subarray(0, HEAD_BYTES)), whole, path);
    assert.equal(recognise(new Uint8Array(Buffer.concat([Buffer.alloc(3), bytes])).subarray(3)), whole, path);
  }
});

files('what ImageMagick writes', () => {
  const written: Record<string, string> = {
    psd: 'Photoshop (PSD)',
    ico: 'icon (ICO)',
    svg: 'SVG',
    pdf: 'PDF',
    ps: 'PostScript',
    dds: 'DDS',
    hdr: 'Radiance HDR',
    ppm: 'Netpbm (PNM, PAM or PFM)',
    pgm: 'Netpbm (PNM, PAM or PFM)',
    pbm: 'Netpbm (PNM, PAM or PFM)',
    pam: 'Netpbm (PNM, PAM or PFM)',
    pfm: 'Netpbm (PNM, PAM or PFM)',
    jp2: 'JPEG 2000',
    j2k: 'JPEG 2000',
    exr: 'OpenEXR',
    pcx: 'PCX',
    fits: 'FITS',
    sgi: 'SGI',
    sun: 'Sun raster',
    farbfeld: 'farbfeld',
    gif: 'GIF',
    tif: 'TIFF',
    bmp: 'BMP',
    html: 'HTML',
    txt: 'text',
  };
  let compared = 0;
  for (const [extension, name] of Object.entries(written)) {
    const path = join(scratch, `x.${extension}`);
    try {
      execFileSync('convert', ['-size', '20x10', 'gradient:red-blue', `${extension}:${path}`], {
        stdio: 'ignore',
        cwd: scratch, // its writer of HTML leaves a map of the picture where it runs
      });
    } catch {
      continue; // not there, or built without the format
    }
    if (!existsSync(path)) continue; // some formats are written by other programs
    assert.is(recognise(readFileSync(path))?.name, name, extension);
    compared++;
  }
  if (compared === 0) console.log('skipped: no ImageMagick here');
});

files.after(() => rmSync(scratch, { recursive: true }));
files.run();

const any = suite('recognise: any bytes');
const starts = Object.values(TABLE).flat();

any('never throws', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(...starts),
      fc.nat(40),
      (noise, start, kept) => {
        recognise(noise);
        recognise(Buffer.concat([start.subarray(0, kept), noise]));
      },
    ),
    { numRuns: 5000 },
  );
});

any('every prefix of every head gives an answer or none', () => {
  for (const start of starts)
    for (let length = 0; length < start.length; length++) recognise(start.subarray(0, length));
});

any('takes less than a few milliseconds, whatever stands in the head', () => {
  const hostile = ['<!---->', '<?x?>', ' ', '<', '\0\0\0\x08ftypheic', '\xff', 'P1 #', 'G'].map((unit) =>
    Buffer.alloc(1 << 20, Buffer.from(unit, 'latin1')),
  );
  for (const bytes of hostile) {
    const start = performance.now();
    recognise(bytes);
    // A hang guard, far above what it takes.
    assert.ok(performance.now() - start < 500);
  }
});

any.run();
