// Loads what holds native code, when it is first used, and says in one voice what to do where that fails.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { VisionError, messageOf } from './errors.js';
import { flagFor } from './node-flags.js';
import { isError } from './realm.js';

/** How a package comes to its binary, which says what may have gone wrong. */
type Origin = 'compiled' | 'platform package' | 'included';

const PACKAGES = {
  'semantic-vision': { origin: 'compiled', need: 'to resize images' },
  'hnswlib-node': { origin: 'compiled', need: 'for VectorIndex' },
  '@napi-rs/image': {
    origin: 'platform package',
    need: 'to decode AVIF and BMP, and all images where sharp is missing',
  },
  sharp: { origin: 'platform package', need: 'to decode most images' },
  'onnxruntime-node': { origin: 'included', need: 'to run models' },
  'fs-native-extensions': {
    origin: 'included',
    need: 'for the file locks of downloads, caches and saved indices',
  },
} as const satisfies Record<string, { origin: Origin; need: string }>;

/** A package with native code; our own is one of them. */
export type NativePackage = keyof typeof PACKAGES;

// They are CommonJS, all of them, and some are needed where nothing can be waited for.
const requireHere = createRequire(import.meta.url);

// A failure is kept as well: asking again costs up to a dozen looks at the disk for each image.
const loaded = new Map<NativePackage, { module: unknown } | { failure: unknown }>();

/**
 * Loads a package, or its addon past its JavaScript; each is looked for once in a thread.
 * @param name - of the package
 * @param addon - a .node file: its path, or its path in the package's folder
 * @returns what it exports
 * @throws {VisionError} NATIVE_UNAVAILABLE, with what to do
 */
export function loadNative(name: NativePackage, addon?: string): unknown {
  let result = loaded.get(name);
  if (result === undefined) {
    try {
      result = { module: requireHere(addon === undefined ? name : addonPath(name, addon)) as unknown };
    } catch (failure) {
      result = { failure };
    }
    loaded.set(name, result);
  }
  if ('module' in result) return result.module;
  throw unavailable(name, result.failure);
}

/**
 * @param name - of the package
 * @returns whether it is there at all, loadable or not
 */
export function isInstalled(name: NativePackage): boolean {
  try {
    requireHere.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function addonPath(name: NativePackage, addon: string): string {
  return name === 'semantic-vision'
    ? addon
    : join(dirname(requireHere.resolve(`${name}/package.json`)), addon);
}

function unavailable(name: NativePackage, cause: unknown): VisionError {
  const { need } = PACKAGES[name];
  const what = name === 'semantic-vision' ? 'the C++ addon of semantic-vision' : `the package ${name}`;
  const where = `${process.platform}-${process.arch}, Node ${process.version}`;
  const message = `Expected ${what}, which is needed ${need}, but it cannot be loaded on ${where}: ${whatToDo(name, cause)}`;
  return new VisionError('NATIVE_UNAVAILABLE', message, { cause });
}

function whatToDo(name: NativePackage, cause: unknown): string {
  const errors = chainOf(cause);
  const flag = errors.map(flagFor).find((found) => found !== undefined);
  if (flag !== undefined) return `${flag}.`;
  const { origin } = PACKAGES[name];
  const broken = errors.find(hasCode('ERR_DLOPEN_FAILED'));
  if (broken !== undefined) {
    return (
      `its addon exists but did not load: ${firstLine(broken)}. It was built for another platform, architecture or C library, ` +
      'or is damaged: a node_modules copied between machines or into a container does that. ' +
      (origin === 'compiled' ? compileAgain(name) : REINSTALL)
    );
  }
  if (name !== 'semantic-vision' && !isInstalled(name)) return `it is not installed. ${REINSTALL}`;
  if (!errors.some(isMissing)) return `${firstLine(cause)}. ${REINSTALL}`;
  switch (origin) {
    case 'compiled':
      return (
        'its addon does not exist: its install script, which compiles it, was skipped or has failed. npm from 12, pnpm from 10 and ' +
        `newer versions of Yarn run no install script that is not approved. ${compileAgain(name)}`
      );
    case 'platform package':
      return (
        `${platformPackage(errors)} is not installed: the lockfile was made on another platform, or optional ` +
        `dependencies were left out. ${REINSTALL}`
      );
    case 'included':
      return `it holds no binary for this platform, or has lost it. ${REINSTALL}`;
  }
}

const REINSTALL =
  'What to do: install again on this machine, with optional dependencies: remove node_modules (and a package-lock.json that ' +
  'was made on another platform), then npm install, pnpm install, or yarn install.';

function compileAgain(name: NativePackage): string {
  return (
    `What to do, in your project: with npm "npm approve-scripts ${name}" (npm 11.16 or later) and "npm rebuild ${name}"; ` +
    `with pnpm "pnpm approve-builds" (choose ${name}) and "pnpm install --force"; with Yarn add "dependenciesMeta": ` +
    `{"${name}": {"built": true}} to package.json and "yarn rebuild ${name}" (Yarn 1: "yarn install --force"). ` +
    'Compiling needs Python 3, make and a C++17 compiler.'
  );
}

// What the package itself looked for, where its errors say so.
function platformPackage(errors: readonly Error[]): string {
  const wanted = errors.map(
    ({ message }) => /Cannot find (?:module|package) '([^'./][^']*)'/.exec(message)?.[1],
  );
  const found = wanted.find((one) => one?.includes(`${process.platform}-${process.arch}`));
  return found === undefined ? 'its package for this platform' : `its package ${found}`;
}

// Loaders that try several places keep what failed in each of them, as causes of each other or in an array.
function chainOf(error: unknown): Error[] {
  const found = new Set<Error>();
  const visit = (one: unknown): void => {
    if (!isError(one) || found.has(one)) return;
    found.add(one);
    visit(one.cause);
    if (one instanceof AggregateError) one.errors.forEach(visit);
  };
  visit(error);
  return [...found];
}

// Some loaders have a code of their own for it, or pass on the text alone.
function isMissing(error: Error): boolean {
  return hasCode('MODULE_NOT_FOUND')(error) || /^Cannot find (module|addon)/.test(error.message);
}

function hasCode(wanted: string): (error: Error) => boolean {
  return (error) => 'code' in error && error.code === wanted;
}

function firstLine(error: unknown): string {
  return (messageOf(error).split('\n', 1)[0] ?? '').replace(/[.:]?\s*$/, '');
}
