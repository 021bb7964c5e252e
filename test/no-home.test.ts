// A user without a home folder, as containers have them: it is asked for only where nothing else is named, and an error says what to name.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cacheDirectory } from '../dist/esm/files/places.js';
import { COMMAND } from './helpers/cli.js';
import { ROOT, photo } from './helpers/fixtures.js';
import { REPO, small } from './helpers/hub-client.js';
import { HubServer } from './helpers/hub-server.js';

const ENTRY = JSON.stringify(join(ROOT, 'dist', 'esm', 'index.js'));
// Known to no system that these tests run on; the child checks.
const UID = 54_321;
const SIGLIP = 'google/siglip-base-patch16-224';
// Models of the manifest.
const LISTED = 23;

const folder = mkdtempSync(join(tmpdir(), 'semantic-vision-no-home-'));
chmodSync(folder, 0o777);
let server: HubServer;

const home = suite('no home');

home.before(async () => {
  server = await HubServer.start();
  server.commit(REPO, { 'preprocessor_config.json': small(300), 'onnx/vision_model.onnx': small(3000) });
});
home.after(async () => {
  rmSync(folder, { recursive: true });
  await server.close();
});

const isRoot = process.getuid?.() === 0;
const canBeAnybody = (): boolean => {
  if (!isRoot) console.log('skipped: only root can be a user without a home folder');
  return isRoot;
};

async function run(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ lines: string[]; code: number | null }> {
  const child = spawn(process.execPath, args, { env, cwd: '/', ...(isRoot && { uid: UID, gid: UID }) });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { lines: output.split('\n').filter((line) => line !== ''), code };
}

async function script(body: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const code = `
    import { userInfo } from 'node:os';
    import { listModels, modelInfo, pullModel, SemanticVision, verifyModel } from ${ENTRY};
    const show = (error) => console.log(error.name, error.code, error.message);
    ${isRoot ? `try { userInfo(); console.log('user ${UID} is known'); } catch {}` : ''}
    ${body}`;
  return (await run(['--input-type=module', '-e', code], env)).lines;
}

home('what needs no folder works without any: lists, the bundled model, checking it', async () => {
  if (!canBeAnybody()) return;
  const lines = await script(`
    console.log((await listModels()).length);
    console.log((await modelInfo('bundled')).id, (await verifyModel('bundled')).ok);
    const vision = await SemanticVision.create({ workers: 1 });
    console.log((await vision.embedImage(${JSON.stringify(photo('two-dogs'))})).dimensions);
    console.log((await vision.classify(${JSON.stringify(photo('two-dogs'))}, ['a dog', 'a boat']))[0].label);
    await vision.close();`);
  assert.equal(lines, [String(LISTED), 'bundled true', '768', 'a dog']);
});

home('named folders are enough', async () => {
  if (!canBeAnybody()) return;
  const all = {
    HF_HOME: folder,
    HF_HUB_CACHE: folder,
    HF_ASSETS_CACHE: folder,
    HF_TOKEN: 'x',
    HF_TOKEN_PATH: join(folder, 'token'),
  };
  const environments: [env: NodeJS.ProcessEnv, cacheDir?: string][] = [
    [all],
    [{ HF_HOME: folder }],
    [{ HF_HUB_CACHE: folder }],
    [{ XDG_CACHE_HOME: folder }],
    [{}, folder],
    // Nobody uses what these would stand for.
    [{ ...all, HF_HOME: '~/none', XDG_CACHE_HOME: '~/none' }],
  ];
  for (const [env, cacheDir] of environments) {
    const lines = await script(
      `const options = ${JSON.stringify({ cacheDir })};
      console.log((await listModels(options)).length);
      await SemanticVision.create({ ...options, model: '${SIGLIP}', localFilesOnly: true }).catch(show);`,
      env,
    );
    assert.is(lines[0], String(LISTED));
    assert.match(lines[1] ?? '', /^VisionError MODEL_NOT_CACHED /, JSON.stringify(env));
  }
});

home('where nothing is named, an error says which variable to set', async () => {
  if (!canBeAnybody()) return;
  const [create, pull, tilde] = [
    await script(`await SemanticVision.create({ model: '${SIGLIP}' }).catch(show);`, { HOME: '' }),
    await script(`await pullModel('${SIGLIP}').catch(show);`),
    await script(`await pullModel('${SIGLIP}').catch(show);`, { HF_HUB_CACHE: '~/hub' }),
  ];
  for (const lines of [create, pull]) {
    assert.is(lines.length, 1);
    assert.match(
      lines[0]!,
      /^VisionError CACHE_UNUSABLE .* user 54321 has no home .* Set HF_HUB_CACHE or HF_HOME/,
    );
  }
  assert.match(
    tilde[0]!,
    /^VisionError CACHE_UNUSABLE .*~ stands for in HF_HUB_CACHE .*Write out HF_HUB_CACHE/,
  );
});

home('the command says the same, once', async () => {
  if (!canBeAnybody()) return;
  const list = await run([COMMAND, 'model', 'list', '--json'], {});
  assert.is(list.code, 0);
  const pull = await run([COMMAND, 'model', 'pull', SIGLIP], {});
  assert.is(pull.code, 3);
  assert.is(pull.lines.length, 1);
  assert.match(pull.lines[0]!, /CACHE_UNUSABLE.*HF_HUB_CACHE/);
  const embed = await run([COMMAND, 'embed', photo('two-dogs'), '--workers', '1'], {});
  assert.is(embed.code, 0, embed.lines.join('\n').slice(0, 500));
});

home(
  'a home that is not there or not to be written to: the bundled model works, a download says what to do',
  async () => {
    if (!canBeAnybody()) return;
    for (const HOME of ['/nonexistent', '/root', '/dev/null']) {
      const lines = await script(
        `const vision = await SemanticVision.create({ workers: 1 });
      console.log((await vision.embedImage(${JSON.stringify(photo('two-dogs'))})).dimensions);
      await vision.close();
      await pullModel('${REPO}').catch(show);`,
        { HOME, HF_ENDPOINT: server.endpoint },
      );
      assert.is(lines[0], '768');
      assert.match(lines[1]!, /^VisionError CACHE_UNUSABLE .*HF_HUB_CACHE/, HOME);
    }
    assert.is(existsSync('/nonexistent'), false);
  },
);

home('an empty HOME is none, a relative one is relative to the working folder, as in Python', async () => {
  const inHere = await script('console.log((await listModels()).length);', { HOME: '' });
  assert.equal(inHere, [String(LISTED)]);
  assert.is(
    cacheDirectory(undefined, { HOME: 'here' }),
    join(process.cwd(), 'here', '.cache', 'huggingface', 'hub'),
  );
  assert.is(cacheDirectory(undefined, { HF_HOME: '~/x', HOME: '/home/$&' }), '/home/$&/x/hub');
  assert.not.match(cacheDirectory('/named', { HOME: '' }), /home/);
});

home('nothing was put into the named folder that nobody asked for', () => {
  assert.equal(readdirSync(folder), []);
});

home.run();
