// The shape of the source: the data flows one way, each foreign package enters through one file, nothing goes in circles.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES } from '../dist/esm/errors.js';
import { ROOT } from './helpers/fixtures.js';

interface Import {
  /** File below src. */
  from: string;
  /** File below src, or the name of a package. */
  to: string;
  local: boolean;
  /** Gone after compilation. */
  typeOnly: boolean;
  /** By a call, when it is needed. */
  dynamic: boolean;
}

const SRC = join(ROOT, 'src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'))
  .sort();

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(SRC, file), 'utf8'),
    ts.ScriptTarget.ESNext,
    true,
  );
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean, dynamic = false) => {
    const local = specifier.startsWith('.');
    const to = local ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts') : specifier;
    found.push({ from: file, to, local, typeOnly, dynamic });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { importClause } = node;
      const named = importClause?.namedBindings;
      const allTypes =
        named !== undefined &&
        ts.isNamedImports(named) &&
        named.elements.every(({ isTypeOnly }) => isTypeOnly);
      const typeOnly =
        importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (allTypes && importClause?.name === undefined);
      add(node.moduleSpecifier.text, typeOnly);
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      assert.ok(argument && ts.isStringLiteral(argument), `${file}: a computed import`);
      add(argument.text, false, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

const imports = files.flatMap(importsOf);

/** What is loaded with a file; also what is loaded later, when it is asked for, unless that does not count. */
function reachedFrom(start: string, { dynamic: later } = { dynamic: true }): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { from, to, local, typeOnly, dynamic } of imports)
      if (from === file && local && !typeOnly && (later || !dynamic)) visit(to);
  };
  visit(start);
  return reached;
}
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
};

// The way of the data: a file may import from its own stage and from later ones, never from an earlier one. Errors,
// types, options and their helpers stand outside the flow, at its end: everyone may use them, they use no stage.
const STAGES: [stage: number, pattern: RegExp][] = [
  [0, /^(index|semantic-vision|verify-model|cli\/.*)\.ts$/],
  [1, /^(input(-file)?|recognise-file)\.ts$/],
  [1, /^models\/(?!dtype|read-json)/],
  [1, /^(stream|texts|text-batch)\.ts$/],
  [1.5, /^optimize\//], // prepares a model; may run it to see what that costs
  [2, /^cache\.ts$/],
  [3, /^pool\/(?!protocol|cpus)/],
  [4, /^image\/(?!preprocess|binding)/],
  [5, /^image\/(preprocess|preprocess-config|binding)/],
  [6, /^inference\//],
  [8, /^index\//],
  [9, /^pool\/(protocol|cpus)\.ts$/], // plain shapes and numbers that both sides of the thread boundary use
  [6, /^zero-shot\.ts$/],
  [
    9,
    /^(errors|realm|no-thread|callbacks|types|colour|option-reader|request|abort|stats|package-root|native-package|node-flags|sync|child-environment|make-folder|working-folder)\.ts$/,
  ],
  [9, /^models\/(dtype|read-json)\.ts$/],
  [9, /^files\//], // on the disk, whatever is in them
  [1, /^options\.ts$/], // the model's among them
];

function stageOf(file: string): number {
  const [stage] = STAGES.find(([, pattern]) => pattern.test(file)) ?? [];
  if (stage === undefined) throw new Error(`src/${file} has no stage: give it one in this test`);
  return stage;
}

const architecture = suite('architecture');

architecture('every file has a stage and every local import leads to a file', () => {
  assert.ok(files.length > 20);
  for (const file of files) stageOf(file);
  for (const { from, to, local } of imports)
    if (local) assert.ok(files.includes(to), `${from} imports ${to}`);
});

architecture('imports go with the data, never against it', () => {
  const against = imports
    .filter(({ local, typeOnly, from, to }) => local && !typeOnly && stageOf(to) < stageOf(from))
    // preprocess decodes and resizes on its way to the tensor: both belong to one worker step.
    .filter(({ from, to }) => !(stageOf(from) === 5 && stageOf(to) === 4));
  assert.equal(
    against.map(({ from, to }) => `${from} -> ${to}`),
    [],
  );
});

architecture('the shared helpers use no stage', () => {
  const helpers = imports.filter(
    ({ from, to, local, typeOnly }) => local && !typeOnly && stageOf(from) === 9 && stageOf(to) !== 9,
  );
  assert.equal(
    helpers.map(({ from, to }) => `${from} -> ${to}`),
    [],
  );
});

architecture('no cycles, not even of types', () => {
  const edges = new Map(files.map((file) => [file, [] as string[]]));
  for (const { from, to, local } of imports) if (local) edges.get(from)?.push(to);
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    assert.not(path.includes(file), `a cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

architecture('only the facade, the entry and the command are above all stages', () => {
  const composers = /^(index|verify-model|cli\/.*)\.ts$/;
  const above = imports.filter(({ to, from, local }) => local && stageOf(to) === 0 && !composers.test(from));
  assert.equal(
    above.map(({ from }) => from),
    [],
  );
});

architecture('the command uses what every program can: the entry, and helpers that load nothing', () => {
  const deeper = imports.filter(
    ({ from, to, local }) =>
      from.startsWith('cli/') &&
      local &&
      !/^(cli\/.*|index|errors|colour|make-folder|package-root|sync|recognise-file|stream|image\/recognise\/.*)\.ts$/.test(
        to,
      ),
  );
  assert.equal(
    deeper.map(({ from, to }) => `${from} -> ${to}`),
    [],
  );
  const users = imports.filter(({ from, to }) => !from.startsWith('cli/') && to.startsWith('cli/'));
  assert.equal(users, []);
});

architecture('the help of the command loads no native code', () => {
  assert.not(reachedFrom('cli/main.ts', { dynamic: false }).has('index.ts'));
});

architecture('what the command prints goes through its output, which escapes it', () => {
  for (const file of files)
    if (file.startsWith('cli/') && file !== 'cli/output.ts')
      assert.not.match(readFileSync(join(SRC, file), 'utf8'), /console\.|std(out|err)\.write/, file);
});

architecture('each package enters through its file, and all of them are dependencies', () => {
  const allowed: Record<string, RegExp> = {
    '@napi-rs/image': /^image\/decode-napi\.ts$/,
    commander: /^cli\/(main|program|flags)\.ts$/,
    'onnxruntime-node': /^inference\/session\.ts$/,
    'hnswlib-node': /^index\/[^/]+\.ts$/,
    '@huggingface/tokenizers': /^inference\/tokenizer\.ts$/,
    'image-size': /^image\/header\.ts$/,
    'libheif-js': /^image\/decode-heif\.ts$/,
    'lru-cache': /^cache\.ts$/,
    '@bufbuild/protobuf': /^optimize\/onnx\/proto\.ts$/,
    'fs-native-extensions': /^files\/lock\.ts$/,
    'onnx-buf': /^optimize\/onnx\/proto\.ts$/,
    sharp: /^image\/decode-sharp\.ts$/,
    piscina: /^pool\/(thread|hash-worker)\.ts$/,
  };
  const { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const mayBeMissing = { ...optionalDependencies, ...peerDependencies };
  const declared = { ...dependencies, ...mayBeMissing };
  for (const name of Object.keys(peerDependencies)) {
    assert.ok(peerDependenciesMeta[name]?.optional, `the peer dependency ${name} is optional`);
    assert.not(name in dependencies || name in optionalDependencies, `${name} is declared twice`);
  }
  const importers = new Map<string, Set<string>>();
  for (const { from, to: specifier, local, typeOnly, dynamic } of imports) {
    if (local) continue;
    // A package may have several entries: '@scope/name/entry'.
    const to = isBuiltin(specifier) ? specifier : packageOf(specifier);
    if (isBuiltin(to)) {
      assert.ok(to.startsWith('node:'), `${from} imports ${to} without node:`);
      continue;
    }
    assert.ok(to in declared, `${from} imports ${to}, which is no dependency`);
    assert.ok(allowed[to]?.test(from), `${from} imports ${to}`);
    if (to in mayBeMissing)
      assert.ok(typeOnly || dynamic, `${from} imports ${to} although it may be missing`);
    importers.set(to, (importers.get(to) ?? new Set()).add(from));
  }
  assert.is(importers.get('hnswlib-node')?.size ?? 1, 1, 'hnswlib-node enters through one file');
  for (const name of Object.keys(declared)) {
    assert.ok(importers.has(name) || name === 'node-addon-api', `nothing imports the dependency ${name}`);
  }
});

architecture(
  'only native-package.ts loads native code: each package when it is used, and none with the entry',
  () => {
    const native = /^(@napi-rs\/image|sharp|onnxruntime-node|hnswlib-node|fs-native-extensions)$/;
    for (const { from, to, typeOnly } of imports)
      assert.ok(typeOnly || !native.test(packageOf(to)), `${from} imports ${to} by itself`);
    for (const file of files) {
      if (file === 'native-package.ts') continue;
      const code = readFileSync(join(SRC, file), 'utf8');
      assert.not.match(code, /process\.dlopen/, file);
      // Resolving a package's own package.json is the one other use of it.
      if (file !== 'models/prepared/runtime.ts') assert.not.match(code, /createRequire/, file);
    }
  },
);

architecture(
  'folders with those above them are made by one function: Node tries for ever where one stays missing',
  () => {
    for (const file of files)
      assert.not.match(readFileSync(join(SRC, file), 'utf8'), /mkdir(Sync)?\([^;]*recursive/, file);
  },
);

architecture(
  'only files/places.ts asks where the home folder is, and nothing asks for the working folder at import',
  () => {
    for (const file of files) {
      const code = readFileSync(join(SRC, file), 'utf8');
      if (file !== 'files/places.ts') assert.not.match(code, /\b(homedir|tmpdir|userInfo)\b/, file);
      assert.not.match(code, /^(export )?(const|let) .*(process\.cwd|[^.\w]resolve)\(/m, file);
    }
  },
);

architecture('index.ts only exports', () => {
  const source = ts.createSourceFile(
    'index.ts',
    readFileSync(join(SRC, 'index.ts'), 'utf8'),
    ts.ScriptTarget.ESNext,
  );
  for (const statement of source.statements) assert.ok(ts.isExportDeclaration(statement));
});

architecture('every file says in its first line what it is for', () => {
  for (const file of files)
    assert.match(readFileSync(join(SRC, file), 'utf8'), /^(#!.*\n)?\/\/ \S.{15,}\n/, file);
});

architecture('the worker loads neither the facade nor the pool', () => {
  const reached = reachedFrom('pool/worker.ts');
  for (const heavy of ['semantic-vision.ts', 'pool/pool.ts', 'cache.ts', 'input.ts'])
    assert.not(reached.has(heavy), heavy);
});

architecture('the decoder process loads what decodes and nothing else', () => {
  const reached = reachedFrom('pool/decoder-process.ts');
  const allowed =
    /^(image\/.*|pool\/(decoder-process|failure|frames|protocol|reclaim)|errors|package-root|native-package|node-flags|option-reader|colour|realm|no-thread)\.ts$/;
  assert.equal(
    [...reached].filter((file) => !allowed.test(file)),
    [],
  );
});

architecture('docs/errors.md names every code and no other', () => {
  const path = join(ROOT, 'docs', 'errors.md');
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  for (const code of Object.keys(ERROR_CODES)) assert.match(text, new RegExp(`\`${code}\``), code);
  for (const [, code] of text.matchAll(/^\|\s*`([A-Z]+(?:_[A-Z]+)+)`/gm))
    assert.ok(Object.hasOwn(ERROR_CODES, String(code)), code);
});

architecture('every code is thrown somewhere, and only known ones are', () => {
  const code = files
    .filter((file) => file !== 'errors.ts')
    .map((file) => readFileSync(join(SRC, file), 'utf8'))
    .join('\n');
  for (const name of Object.keys(ERROR_CODES))
    assert.match(code, new RegExp(`'${name}'`), `${name} is never used`);
});

architecture.run();
