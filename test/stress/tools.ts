// Command-line decoders as judges, for what Debian's Pillow and sharp do not read: libavif's for AVIF, ImageMagick for BMP.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Picture } from './picture.js';
import sharp from '../helpers/sharp.js';

const TIMEOUT_MS = 5000;

/**
 * Decodes an AVIF with libavif.
 * @param bytes - the file
 * @returns the picture as stored, not turned; undefined when the tool is missing or does not read the file
 */
export function byAvifdec(bytes: Buffer): Promise<Picture | undefined> {
  return decode(bytes, 'avifdec', (from, to) => ['--jobs', '1', '--depth', '8', from, to]);
}

/**
 * Decodes a BMP with ImageMagick, which minds a wrong file size in the header where nobody else does.
 * @param bytes - the file
 * @returns the picture; undefined when the tool is missing or does not read the file
 */
export function byImageMagick(bytes: Buffer): Promise<Picture | undefined> {
  const sized = Buffer.from(bytes);
  sized.writeUInt32LE(sized.length, 2);
  const plain = ['-alpha', 'off', '-depth', '8', '-define', 'png:include-chunk=none'];
  return decode(sized, 'convert', (from, to) => [`bmp:${from}`, ...plain, `PNG24:${to}`]);
}

async function decode(
  bytes: Buffer,
  tool: string,
  options: (from: string, to: string) => string[],
): Promise<Picture | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-judge-'));
  const [from, to] = [join(folder, 'in'), join(folder, 'out.png')];
  try {
    writeFileSync(from, bytes);
    const { status } = spawnSync(tool, options(from, to), { timeout: TIMEOUT_MS, stdio: 'ignore' });
    if (status !== 0) return undefined;
    const image = sharp(to).removeAlpha().toColourspace('srgb').raw();
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    return info.channels === 3 ? { rgb: data, width: info.width, height: info.height } : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
