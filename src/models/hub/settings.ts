// Where the hub is, who asks, and where its cache is: the options, then the variables that Python's huggingface_hub reads.
import { readFileSync } from 'node:fs';
import { VisionError, expectedButReceived } from '../../errors.js';
import { assetsDirectory, cacheDirectory, ifAny, tokenPath, valueOf, type Environment } from '../../files/places.js';

/** How the hub is reached and where its files are kept. */
export interface HubSettings {
  /** `http:` or `https:` URL without a slash at its end. */
  endpoint: string;
  /** Sent to the endpoint's own origin and to no other. */
  token: string | undefined;
  /** Absolute path of the folder that holds `models--ORG--NAME`. */
  cacheDirectory: string;
  /** Absolute path of the folder for what this library derives from models; undefined where there is no place for it. */
  assetsDirectory: string | undefined;
  /** No request at all: what is not in the cache is an error. */
  offline: boolean;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** The part of the settings that matters where nobody is asked. */
export type LocalSettings = Pick<HubSettings, 'assetsDirectory' | 'offline'>;

/** The options that go before variables. */
interface SettingsOptions {
  cacheDir?: string | undefined;
  localFilesOnly?: boolean | undefined;
}

/**
 * Reads the settings. Variables: `HF_ENDPOINT`; `HF_TOKEN`, else the file of {@link tokenPath}; those of
 * {@link cacheDirectory} and {@link assetsDirectory}; `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`).
 * @param options - override the variables
 * @param env - the variables
 * @returns the settings
 * @throws `INVALID_OPTION` for an endpoint that is no http(s) URL or a token that cannot be sent; `CACHE_UNUSABLE` where
 * there is no place for the cache
 */
export function hubSettings(options: SettingsOptions, env: Environment = process.env): HubSettings {
  return {
    ...localSettings(options, env),
    endpoint: endpointOf(env),
    token: tokenOf(env),
    cacheDirectory: cacheDirectory(options.cacheDir, env),
  };
}

/**
 * Reads the settings that are needed wherever a model comes from.
 * @param options - override the variables
 * @param env - the variables
 * @returns the settings
 */
export function localSettings(options: SettingsOptions, env: Environment = process.env): LocalSettings {
  return {
    assetsDirectory: ifAny(() => assetsDirectory(options.cacheDir, env)),
    offline:
      options.localFilesOnly === true || isTrue(valueOf(env, 'HF_HUB_OFFLINE') ?? env.TRANSFORMERS_OFFLINE),
  };
}

function endpointOf(env: Environment): string {
  const endpoint = (valueOf(env, 'HF_ENDPOINT') ?? DEFAULT_ENDPOINT).replace(/\/+$/, '');
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
function tokenOf(env: Environment): string | undefined {
  const path = ifAny(() => tokenPath(env));
  const token = (valueOf(env, 'HF_TOKEN') ?? contentOf(path))?.trim();
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new VisionError(
    'INVALID_OPTION',
    `Expected one word of ASCII characters in HF_TOKEN${path === undefined ? '' : ` or ${path}`} but received something else.`,
  );
}

function contentOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // most users have none; one that cannot be read is as good as none, as in Python
  }
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(text.toUpperCase());
}
