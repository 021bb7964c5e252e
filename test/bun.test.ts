// The library and the command under Bun, where it is installed.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';
import { installedProject } from './helpers/installed.js';

const bun = suite('Bun');
const isInstalled = spawnSync('bun', ['--version']).status === 0;
if (!isInstalled) console.log('skipped: bun is not installed');

function run(cwd: string, ...args: string[]): string {
  const { stdout, stderr, status, signal } = spawnSync('bun', args, {
    cwd,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal([status, signal], [0, null], `${stdout}\n${stderr}`);
  return stdout.trim();
}

for (const isolation of ['none', 'process']) {
  bun(`embeds, streams, refuses, indexes and ends by itself; isolation: ${isolation}`, () => {
    if (!isInstalled) return;
    const project = installedProject();
    const script = join(project, 'script.mjs');
    const [dogs, lamp] = [photo('two-dogs'), photo('bird-lamp')];
    writeFileSync(
      script,
      `import { SemanticVision, VectorIndex, VisionError } from 'semantic-vision';
      const vision = await SemanticVision.create({ model: ${JSON.stringify(TINY_MODEL)}, isolation: '${isolation}' });
      const codes = [];
      for await (const { ok, error } of vision.embedImages(${JSON.stringify([dogs, lamp, '/nowhere.jpg'])}))
        codes.push(ok ? 'ok' : error instanceof VisionError && error.code);
      // Large enough for the hashing thread.
      const bytes = new Uint8Array(await Bun.file(${JSON.stringify(dogs)}).arrayBuffer());
      const large = await vision.embedImage(Buffer.concat([bytes, Buffer.alloc(1 << 20)]));
      const controller = new AbortController();
      const aborted = vision.embedImage(Buffer.concat([bytes, Buffer.alloc(1)]), { signal: controller.signal });
      controller.abort();
      codes.push(await aborted.catch((error) => error.code));
      const index = VectorIndex.create({ dimensions: large.dimensions });
      index.add('dogs', large);
      await index.save('index');
      const [{ id }] = (await VectorIndex.open('index')).search(large, { k: 1 });
      console.log(codes.join(), id);`,
    );
    assert.is(run(project, script), 'ok,ok,INPUT_NOT_FOUND,ABORTED dogs');
    rmSync(project, { recursive: true });
  });
}

bun('the command', () => {
  if (!isInstalled) return;
  const main = join(ROOT, 'dist', 'esm', 'cli', 'main.js');
  const line = JSON.parse(run(ROOT, main, 'embed', photo('two-dogs'), '--quiet')) as { dimensions?: number };
  assert.is(line.dimensions, 768);
});

bun.run();
