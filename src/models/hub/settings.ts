// Where the hub is, who asks, and where its cache is: the options, then the variables that Python's huggingface_hub reads.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { VisionError, expectedButReceived } from '../../errors.js';

/** How the hub is reached and where its files are kept. */
export interface HubSettings {
  /** `http:` or `https:` URL without a slash at its end. */
  endpoint: string;
  /** Sent to the endpoint's own origin and to no other. */
  token: string | undefined;
  /** Absolute path of the folder that holds `models--ORG--NAME`. */
  cacheDirectory: string;
  /** Absolute path of the folder for what this library derives from models. */
  assetsDirectory: string;
  /** No request at all: what is not in the cache is an error. */
  offline: boolean;
}

type Environment = Readonly<NodeJS.ProcessEnv>;

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/**
 * Reads the settings. Variables: `HF_ENDPOINT`; `HF_TOKEN`, else the file `HF_TOKEN_PATH` or `$HF_HOME/token`;
 * `HF_HUB_CACHE` (or `HUGGINGFACE_HUB_CACHE`), else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`, else
 * `~/.cache/huggingface/hub`; `HF_ASSETS_CACHE`, else `$HF_HOME/assets`; `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`).
 * @param options - override the variables
 * @param env - the variables
 * @returns the settings
 * @throws `INVALID_OPTION` for an endpoint that is no http(s) URL or a token that cannot be sent
 */
export function hubSettings(
  options: { cacheDir?: string | undefined; localFilesOnly?: boolean | undefined },
  env: Environment = process.env,
): HubSettings {
  const home = homeOf(env);
  const cache = options.cacheDir ?? expanded(env, 'HF_HUB_CACHE') ?? expanded(env, 'HUGGINGFACE_HUB_CACHE');
  return {
    endpoint: endpointOf(env),
    token: tokenOf(env, home),
    cacheDirectory: resolve(cache ?? join(home, 'hub')),
    assetsDirectory: assetsDirectory(options.cacheDir, env),
    offline: options.localFilesOnly === true || isTrue(value(env, 'HF_HUB_OFFLINE') ?? env.TRANSFORMERS_OFFLINE),
  };
}

/**
 * Where what this library derives from models is kept: the part of the settings that matters where no hub does.
 * @param cacheDir - the option; whoever says where models go has what is made of them in the same place
 * @param env - the variables
 * @returns absolute path
 */
export function assetsDirectory(cacheDir: string | undefined, env: Environment = process.env): string {
  return resolve(cacheDir ?? expanded(env, 'HF_ASSETS_CACHE') ?? join(homeOf(env), 'assets'), 'semantic-vision');
}

function homeOf(env: Environment): string {
  const caches = expanded(env, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return expanded(env, 'HF_HOME') ?? join(caches, 'huggingface');
}

function endpointOf(env: Environment): string {
  const endpoint = (value(env, 'HF_ENDPOINT') ?? DEFAULT_ENDPOINT).replace(/\/+$/, '');
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const plain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (plain && /^https?:$/.test(url.protocol)) return endpoint;
  const expected = 'an http(s) URL without credentials or query';
  throw new VisionError('INVALID_OPTION', expectedButReceived('HF_ENDPOINT', expected, withoutSecrets(endpoint)));
}

// Whatever the value is, a password stands before an @, and a key after a ? or #.
function withoutSecrets(endpoint: string): string {
  return endpoint.replace(/^.*@/s, '…@').replace(/[?#].*$/s, '?…');
}

// A token is a secret: no message shows it, not even one that cannot be used.
function tokenOf(env: Environment, home: string): string | undefined {
  const path = expanded(env, 'HF_TOKEN_PATH') ?? join(home, 'token');
  const token = (value(env, 'HF_TOKEN') ?? contentOf(path))?.trim();
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new VisionError(
    'INVALID_OPTION',
    `Expected one word of ASCII characters in HF_TOKEN or ${path} but received something else.`,
  );
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // most users have none; one that cannot be read is as good as none, as in Python
  }
}

function value(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

// Python expands ~ and variables in these paths, so a shared cache is only found by doing the same.
function expanded(env: Environment, name: string): string | undefined {
  return value(env, name)
    ?.replace(/^~(?=$|[/\\])/, homedir())
    .replace(/\$(?:(\w+)|\{([^}]*)\})/g, (text, bare?: string, braced?: string) => env[bare ?? braced ?? ''] ?? text);
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(text.toUpperCase());
}
