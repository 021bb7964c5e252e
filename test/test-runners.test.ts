// The package inside other people's test runners, which give every test file globals of its own.
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT, TINY_MODEL, photo } from './helpers/fixtures.js';
import { installedProject } from './helpers/installed.js';

const GUARD_MS = 120_000;

// What a user's test does: every kind of input, every class it may expect, vectors of its own.
const BODY = `
test('embeds, compares, finds', async () => {
  const path = ${JSON.stringify(photo('two-dogs'))};
  const bytes = readFileSync(path);
  const vision = await SemanticVision.create({ model: ${JSON.stringify(TINY_MODEL)}, workers: 1 });
  try {
    const { signal } = new AbortController();
    const embedding = await vision.embedImage(path, { signal });
    expect(embedding.vector).toBeInstanceOf(Float32Array);
    expect(embedding.createdAt).toBeInstanceOf(Date);
    for (const input of [bytes, new Uint8Array(bytes), new Uint8Array(bytes).buffer, new Blob([bytes]), pathToFileURL(path)])
      expect((await vision.embedImage(input)).vector).toEqual(embedding.vector);
    await vision.embedImage({ data: new Uint8ClampedArray(12), width: 2, height: 2, channels: 3 });
    expect(vision.similarity(Float32Array.of(1, 0), Float32Array.of(0, 1))).toBe(0);
    const index = VectorIndex.create({ dimensions: embedding.vector.length });
    index.add('dogs', embedding);
    index.add('copy', Float32Array.from(embedding.vector));
    expect(index.search(embedding, { k: 2 })).toHaveLength(2);
    const error = await vision.embedImage('/nowhere.jpg').catch((error) => error);
    expect(error).toBeInstanceOf(VisionError);
    expect(error.code).toBe('INPUT_NOT_FOUND');
  } finally {
    await vision.close();
  }
});
`;
const NAMES = ['semantic-vision', 'node:fs', 'node:url'];
const IMPORTED = ['SemanticVision, VectorIndex, VisionError', 'readFileSync', 'pathToFileURL'];

const project = installedProject('vitest');
writeFileSync(
  join(project, 'required.test.cjs'),
  IMPORTED.map((names, i) => `const { ${names} } = require('${NAMES[i]!}');\n`).join('') + BODY,
);
writeFileSync(
  join(project, 'imported.spec.mjs'),
  `import { expect, test } from 'vitest';\n` +
    IMPORTED.map((names, i) => `import { ${names} } from '${NAMES[i]!}';\n`).join('') +
    BODY,
);

/** Runs a program of a dependency in the project; it must end with 0. */
async function passes(
  program: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): Promise<void> {
  const child = spawn(process.execPath, [...nodeArgs, join(ROOT, 'node_modules', program), ...args], {
    cwd: project,
    env: { ...process.env, CI: 'true', NO_COLOR: '1' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const guard = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(guard);
  assert.is(code, 0, output);
  assert.match(output, /1 passed/);
}

const runners = suite('test runners');

// Not every Node that the package supports can require() ES modules.
const NO_REQUIRE_ESM = '--no-experimental-require-module';
const flags = process.allowedNodeEnvironmentFlags.has(NO_REQUIRE_ESM) ? [NO_REQUIRE_ESM] : [];

runners('Jest, as it comes', () =>
  passes('jest/bin/jest.js', ['--testMatch', '**/*.test.cjs', '--rootDir', project, '--no-watchman'], flags),
);

for (const pool of ['forks', 'threads', 'vmForks', 'vmThreads']) {
  runners(`Vitest in its pool ${pool}`, () =>
    passes('vitest/vitest.mjs', ['run', 'imported', '--pool', pool]),
  );
}

runners.after(() => rmSync(project, { recursive: true }));
runners.run();
