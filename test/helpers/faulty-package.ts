// The package as it is installed where one of the packages with native code lacks its binary, or has one that does not load.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROOT } from './fixtures.js';
import { installedWithoutSharp } from './without-sharp.js';

/** What is wrong: the package, or its binary, is not there; the binary is cut off, or for another machine. */
export type Fault = 'absent' | 'no binary' | 'truncated' | 'foreign';

const MODULES = join(ROOT, 'node_modules');
const { platform, arch } = process;
// Of another architecture than this machine's: onnxruntime-node brings both.
const FOREIGN = join(
  MODULES,
  `onnxruntime-node/bin/napi-v6/linux/${arch === 'x64' ? 'arm64' : 'x64'}/onnxruntime_binding.node`,
);

/**
 * @param name - of a package with native code
 * @param fault - what is wrong with it
 * @returns the folder of an installation that is whole but for that, which the caller removes
 */
export function installedWithFault(name: string, fault: Fault): string {
  const folder = installedWithoutSharp();
  // With the photos that int8 is calibrated with.
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  if (name !== 'sharp') symlinkSync(join(MODULES, 'sharp'), join(folder, 'node_modules', 'sharp'));
  if (name === 'semantic-vision') {
    rmSync(join(folder, 'build'));
    if (fault !== 'no binary') write(join(folder, 'build', 'Release', 'semantic_vision.node'), fault);
    return folder;
  }
  const target = join(folder, 'node_modules', name);
  rmSync(target, { force: true });
  if (fault === 'absent') return folder;
  copy(name, target);
  for (const binary of binariesOf(name)) {
    rmSync(join(folder, 'node_modules', binary), { force: true });
    if (fault === 'no binary') continue;
    // A platform's package, with what says where its binary is.
    const own = binary.startsWith(`${name}/`) ? name : binary.split('/', 2).join('/');
    if (own !== name) copy(own, join(folder, 'node_modules', own));
    write(join(folder, 'node_modules', binary), fault);
  }
  return folder;
}

// Without its binaries, some of which have hundreds of megabytes; what it depends on is found beside it.
function copy(name: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(MODULES, name), target, {
    recursive: true,
    filter: (path) => !/\.(node|so|dylib|dll|bare)(\.\d+)*$|\/(src|build)$/.test(path.replaceAll('\\', '/')),
  });
  // Its platform's packages are optional dependencies: they stay away.
  const { dependencies = {} } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  const modules = target.slice(0, target.length - name.length);
  for (const other of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, other)), { recursive: true });
    if (!existsSync(join(modules, other))) symlinkSync(join(MODULES, other), join(modules, other));
  }
}

/** Where its binary lies below node_modules. */
function binariesOf(name: string): string[] {
  switch (name) {
    case 'hnswlib-node':
      return ['hnswlib-node/build/Release/addon.node'];
    case 'onnxruntime-node':
      return [`onnxruntime-node/bin/napi-v6/${platform}/${arch}/onnxruntime_binding.node`];
    case 'fs-native-extensions':
      return [`fs-native-extensions/prebuilds/${platform}-${arch}/fs-native-extensions.node`];
    case '@napi-rs/image':
      return platformPackages('@napi-rs', 'image-').flatMap((own) => nodeFilesOf(own));
    case 'sharp':
      return platformPackages('@img', 'sharp-').flatMap((own) => nodeFilesOf(own));
    default:
      throw new Error(`no binary is known of ${name}`);
  }
}

function platformPackages(scope: string, prefix: string): string[] {
  const names = readdirSync(join(MODULES, scope)).filter((name) => name.startsWith(prefix));
  return names.map((name) => `${scope}/${name}`);
}

function nodeFilesOf(name: string): string[] {
  const files = readdirSync(join(MODULES, name), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.node')).map((file) => `${name}/${file}`);
}

function write(path: string, fault: Fault): void {
  mkdirSync(dirname(path), { recursive: true });
  if (fault === 'foreign') cpSync(FOREIGN, path);
  else writeFileSync(path, `no library: ${basename(path)}`);
}
