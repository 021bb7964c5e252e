// The decoder process of a worker: encoded images in, the resized bytes of the model's window out. See decisions/0019.
import { endWithParent } from '../image/binding.js';
import type { ImageHeader } from '../image/header.js';
import { ONE_GREY_PIXEL } from '../image/pixels.js';
import { Preprocessor } from '../image/preprocess.js';
import { failureOf } from './failure.js';
import { readFrame, writeFrame } from './frames.js';
import { FRAMES, type DecoderReply, type DecoderStart } from './protocol.js';
import { imageBytes, reclaim } from './reclaim.js';

// Ctrl-C and service managers signal the whole group: the parent decides what is still finished, and this process ends
// with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const NOTHING = new Uint8Array();

function reply(message: DecoderReply, bytes: Uint8Array = NOTHING): void {
  writeFrame(FRAMES, message, bytes);
}

function fail(error: unknown): void {
  reply(failureOf(error));
}

async function serve({ preprocess, decode }: DecoderStart): Promise<void> {
  endWithParent();
  const preprocessor = new Preprocessor(preprocess, decode);
  const resized = Buffer.allocUnsafeSlow(3 * preprocessor.height * preprocessor.width);
  // An addon that is missing or does not load fails the start.
  preprocessor.resize(ONE_GREY_PIXEL, resized);
  reply({ ok: true, decode: 0, preprocess: 0 });
  for (let frame; (frame = readFrame(FRAMES)) !== undefined;) {
    const header = frame.message as ImageHeader;
    try {
      const start = performance.now();
      const pixels = await preprocessor.decode(frame.bytes, header);
      const decoded = performance.now();
      preprocessor.resize(pixels, resized);
      const times = { decode: decoded - start, preprocess: performance.now() - decoded };
      reply({ ok: true, ...times }, resized);
    } catch (error) {
      fail(error);
    }
    // While the worker is busy with the answer.
    await reclaim(imageBytes(frame.bytes.length, header));
  }
}

const start = readFrame(FRAMES);
if (start !== undefined) await serve(start.message as DecoderStart).catch(fail);
process.exit();
