// Preloaded into decoder processes (NODE_OPTIONS=--import): writes down their ids, and does to them what a test says.
//
// DECODER_PIDS names a file, to which each process adds its id. DECODER_ACTIONS is a JSON object: SHA-256 of an encoded
// image to what happens when it comes to be decoded. DECODER_START=fail ends each process while it starts, and
// DECODER_START=holder has it start another one that holds its streams; DECODER_HOLDERS names the file of their ids.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

// The program under test inherits the variable as well.
if (process.argv[1]?.endsWith('decoder-process.js')) {
  const { DECODER_PIDS: pids, DECODER_ACTIONS: actions = '{}' } = process.env;
  appendFileSync(pids, `${process.pid}\n`);
  if (process.env.DECODER_START === 'fail') throw new Error('told to fail');
  if (process.env.DECODER_START === 'holder') {
    const args = ['-e', 'setTimeout(() => undefined, 60_000)'];
    const holder = spawn(process.execPath, args, { stdio: 'inherit', detached: true, env: {} });
    holder.unref();
    appendFileSync(process.env.DECODER_HOLDERS, `${holder.pid}\n`);
  }
  const native = createRequire(new URL('../../package.json', import.meta.url))('@napi-rs/image');
  const { Transformer } = native;
  native.Transformer = class extends Transformer {
    constructor(bytes) {
      super(bytes);
      act(Transformer, JSON.parse(actions)[createHash('sha256').update(bytes).digest('hex')]);
    }
  };
}

function act(Transformer, action) {
  switch (action?.kind) {
    // A real panic of the real decoder.
    case 'panic':
      new Transformer(readFileSync(action.file)).rawPixelsSync();
      break;
    // Once only: the file tells the next process.
    case 'kill-once':
      if (existsSync(action.file)) break;
      writeFileSync(action.file, '');
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'exit':
      process.exit(3);
      break;
    // Before its answer, which follows.
    case 'say':
      writeSync(3, readFileSync(action.file));
      break;
    // In native code, where neither signals nor the end of a socket are seen.
    case 'hang':
      writeFileSync(action.file, String(process.pid));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      break;
  }
}
