// Where on this machine files are kept: what an option or a variable names, else below the home folder, asked for last.
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { VisionError } from '../errors.js';
import { absolutePath } from '../working-folder.js';

/** Variables, as `process.env` holds them. */
export type Environment = Readonly<NodeJS.ProcessEnv>;

const HOME = process.platform === 'win32' ? 'USERPROFILE' : 'HOME';

/**
 * The folder of the hub's cache: the option, `HF_HUB_CACHE` (or `HUGGINGFACE_HUB_CACHE`), `$HF_HOME/hub`,
 * `$XDG_CACHE_HOME/huggingface/hub`, `~/.cache/huggingface/hub`.
 * @param cacheDir - the option
 * @param env - the variables
 * @returns absolute path
 * @throws `CACHE_UNUSABLE` where none is named and the user has no home folder, or it is relative to a working folder that is
 * gone
 */
export function cacheDirectory(cacheDir: string | undefined, env: Environment = process.env): string {
  const named = cacheDir ?? expanded(env, 'HF_HUB_CACHE') ?? expanded(env, 'HUGGINGFACE_HUB_CACHE');
  return absolute(named ?? join(hubHome(env, 'the cache of models', 'HF_HUB_CACHE'), 'hub'));
}

/**
 * Where what this library derives from models is kept: whoever says where models go has what is made of them in the same
 * place; else `HF_ASSETS_CACHE`, `$HF_HOME/assets` and so on.
 * @param cacheDir - the option
 * @param env - the variables
 * @returns absolute path
 * @throws `CACHE_UNUSABLE` where none is named and the user has no home folder
 */
export function assetsDirectory(cacheDir: string | undefined, env: Environment = process.env): string {
  const named = cacheDir ?? expanded(env, 'HF_ASSETS_CACHE');
  const parent = named ?? join(hubHome(env, 'what is derived from models', 'HF_ASSETS_CACHE'), 'assets');
  return absolute(join(parent, 'semantic-vision'));
}

/**
 * The file that may hold a token: `HF_TOKEN_PATH`, `$HF_HOME/token` and so on.
 * @param env - the variables
 * @returns its path
 * @throws `CACHE_UNUSABLE` where none is named and the user has no home folder
 */
export function tokenPath(env: Environment): string {
  return expanded(env, 'HF_TOKEN_PATH') ?? join(hubHome(env, 'a token', 'HF_TOKEN_PATH'), 'token');
}

/**
 * A place that may be missing: what is kept there can be done without.
 * @param find - one of the functions above
 * @returns undefined where there is no such place
 */
export function ifAny(find: () => string): string | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/**
 * The value of a variable.
 * @param env - the variables
 * @param name - which
 * @returns undefined where it is not set, or is empty: that is how a variable is unset in many configurations
 */
export function valueOf(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function absolute(path: string): string {
  return absolutePath(path, 'the cache folder', 'CACHE_UNUSABLE');
}

function hubHome(env: Environment, what: string, variable: string): string {
  const named = expanded(env, 'HF_HOME');
  if (named !== undefined) return named;
  const caches = expanded(env, 'XDG_CACHE_HOME');
  if (caches !== undefined) return join(caches, 'huggingface');
  return join(
    homeDirectory(
      env,
      `a place for ${what}`,
      `Set ${variable} or HF_HOME to a folder (or give the option cacheDir)`,
    ),
    '.cache',
    'huggingface',
  );
}

// Python expands ~ and variables in these paths, so a shared cache is only found by doing the same.
function expanded(env: Environment, name: string): string | undefined {
  const value = valueOf(env, name);
  const inHome = () => homeDirectory(env, `what ~ stands for in ${name}`, `Write out ${name}`);
  return value
    ?.replace(/^~(?=$|[/\\])/, inHome)
    .replace(
      /\$(?:(\w+)|\{([^}]*)\})/g,
      (text, bare?: string, braced?: string) => env[bare ?? braced ?? ''] ?? text,
    );
}

// A container may run as a user whom the system does not know.
function homeDirectory(env: Environment, wanted: string, advice: string): string {
  let cause: unknown;
  try {
    const home = findHome(env);
    if (home !== '') return home;
  } catch (error) {
    cause = error;
  }
  const user = process.getuid === undefined ? 'this user' : `user ${process.getuid()}`;
  throw new VisionError(
    'CACHE_UNUSABLE',
    `Expected ${wanted} but ${user} has no home folder: ${HOME} is not set, and the system knows none. ${advice}, or set ${HOME}.`,
    { cause },
  );
}

function findHome(env: Environment): string {
  // A thread may have variables of its own, which homedir() does not see; to homedir(), an empty one is a home.
  return valueOf(env, HOME) ?? (homedir() || userInfo().homedir);
}
