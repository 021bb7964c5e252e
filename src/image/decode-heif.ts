// Decodes HEIC with libheif-js (libheif in WebAssembly), an optional peer dependency; the only file that imports it.
import { VisionError, messageOf } from '../errors.js';
import type { ImageHeader } from './header.js';
import { decodeFailed, otherSize, type Pixels } from './pixels.js';

// Objects inside the module; they are given back to it.
type Handle = object;

interface Failure {
  code?: { value: number };
  message?: string;
}

interface DecodedImage extends Failure {
  image: Handle;
  channels: { data: Uint8Array; width: number; height: number; stride: number }[];
}

/** What is used of libheif's C interface, as the module exports it. */
interface Libheif {
  HEAPU8: Uint8Array;
  heif_colorspace: { heif_colorspace_RGB: Handle };
  heif_chroma: { heif_chroma_interleaved_RGB: Handle; heif_chroma_interleaved_RGBA: Handle };
  heif_context_alloc: () => Handle;
  heif_context_read_from_memory: (context: Handle, bytes: Uint8Array) => Failure;
  heif_js_context_get_primary_image_handle: (context: Handle) => Handle & Failure;
  heif_js_decode_image2: (image: Handle, colours: Handle, layout: Handle) => DecodedImage;
  heif_image_release: (image: Handle) => void;
  heif_image_handle_release: (handle: Handle) => void;
  heif_context_free: (context: Handle) => void;
}

type Factory = (options: Record<string, unknown>) => Libheif;

// A module's memory grows and never shrinks. A photo of 12 megapixels needs 60 to 130 MB; a new module takes 50 ms.
const KEPT_BYTES = 256 * 1024 * 1024;
const OUT_OF_MEMORY = /memory allocation error(?!.*security limit)|out of memory|cannot enlarge memory/i;

let factory: Promise<Factory | undefined> | undefined;
let libheif: Libheif | undefined;

function findFactory(): Promise<Factory | undefined> {
  // Its declarations say that the CommonJS module has a default export, which it is itself.
  return (factory ??= import('libheif-js/libheif-wasm/libheif.js').then(
    (module) => module.default as unknown as Factory,
    () => undefined,
  ));
}

/**
 * Whether libheif-js can be loaded.
 * @returns true if so
 */
export async function hasLibheif(): Promise<boolean> {
  return (await findFactory()) !== undefined;
}

/**
 * Decodes the primary image of a HEIC, upright: libheif turns it itself. Samples of more bits are reduced to 8.
 * Synchronous inside: for a worker thread.
 * @param bytes - the file
 * @param header - what its header says
 * @param keepAlpha - whether alpha is wanted; it is dropped otherwise
 * @returns the pixels, without orientation
 * @throws `DECODE_FAILED`, `OUT_OF_MEMORY`
 */
export async function decodeWithLibheif(
  bytes: Uint8Array,
  header: ImageHeader,
  keepAlpha: boolean,
): Promise<Omit<Pixels, 'orientation'>> {
  const create = (await findFactory()) as Factory;
  const silent = () => undefined;
  const heif = (libheif ??= create({ print: silent, printErr: silent }));
  try {
    return decode(heif, bytes, header, keepAlpha);
  } catch (cause) {
    // Whatever it was, the next image gets a module that nothing has happened to.
    libheif = undefined;
    if (cause instanceof VisionError) throw cause;
    throw failed(messageOf(cause), cause);
  } finally {
    if (heif.HEAPU8.length > KEPT_BYTES) libheif = undefined;
  }
}

function decode(
  heif: Libheif,
  bytes: Uint8Array,
  header: ImageHeader,
  keepAlpha: boolean,
): Omit<Pixels, 'orientation'> {
  const context = heif.heif_context_alloc();
  let handle: Handle | undefined;
  let decoded: DecodedImage | undefined;
  try {
    check(heif.heif_context_read_from_memory(context, bytes));
    const found = heif.heif_js_context_get_primary_image_handle(context);
    check(found);
    handle = found;
    const { heif_colorspace: colours, heif_chroma: layouts } = heif;
    const layout = keepAlpha ? layouts.heif_chroma_interleaved_RGBA : layouts.heif_chroma_interleaved_RGB;
    decoded = heif.heif_js_decode_image2(handle, colours.heif_colorspace_RGB, layout);
    check(decoded);
    return pixelsOf(decoded, header, keepAlpha ? 4 : 3);
  } finally {
    if (decoded?.image !== undefined) heif.heif_image_release(decoded.image);
    if (handle !== undefined) heif.heif_image_handle_release(handle);
    heif.heif_context_free(context);
  }
}

// A result has a code only when it is an error, or an error that says success: then it is 0.
function check({ code, message }: Failure): void {
  if (code !== undefined && code.value !== 0) throw failed(message ?? 'it does not say why');
}

function failed(message: string, cause?: unknown): VisionError {
  if (OUT_OF_MEMORY.test(message)) {
    return new VisionError(
      'OUT_OF_MEMORY',
      `This HEIC image needs more memory than its decoder can have (2 GiB): ${message.trim()}. Scale it down, or convert it.`,
      { cause },
    );
  }
  return decodeFailed('heic', message.trim().replace(/\.$/, ''), cause);
}

function pixelsOf(image: DecodedImage, header: ImageHeader, channels: 3 | 4): Omit<Pixels, 'orientation'> {
  const [channel] = image.channels;
  if (channel === undefined) throw decodeFailed('heic', 'it holds no colours');
  const { data, width, height, stride } = channel;
  if (width !== header.width || height !== header.height) {
    throw otherSize(header, width, height);
  }
  // A copy without the padding of the rows: `data` lies in the module's memory.
  const rowBytes = width * channels;
  const rows = Buffer.allocUnsafeSlow(rowBytes * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, y * stride + rowBytes), y * rowBytes);
  return { data: rows, width, height, channels, bytesPerSample: 1 };
}
