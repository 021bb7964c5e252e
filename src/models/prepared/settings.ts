// Where prepared graphs are kept: the place of the Hugging Face libraries for what is derived from models.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * `HF_ASSETS_CACHE` (or `HUGGINGFACE_ASSETS_CACHE`), else `$HF_HOME/assets`, else `$XDG_CACHE_HOME/huggingface/assets`,
 * else `~/.cache/huggingface/assets`; below it, `semantic-vision/prepared`.
 * @param env - the variables
 * @returns an absolute path; the folder need not exist
 */
export function preparedDirectory(env: Readonly<NodeJS.ProcessEnv> = process.env): string {
  const assets = expanded(env, 'HF_ASSETS_CACHE') ?? expanded(env, 'HUGGINGFACE_ASSETS_CACHE');
  return resolve(assets ?? join(huggingFaceHome(env), 'assets'), 'semantic-vision', 'prepared');
}

function huggingFaceHome(env: Readonly<NodeJS.ProcessEnv>): string {
  const cache = expanded(env, 'XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  return expanded(env, 'HF_HOME') ?? join(cache, 'huggingface');
}

// Python expands ~ and variables in these paths, so a shared folder is only found by doing the same.
function expanded(env: Readonly<NodeJS.ProcessEnv>, name: string): string | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  return value
    .replace(/^~(?=$|[/\\])/, homedir())
    .replace(/\$(?:(\w+)|\{([^}]*)\})/g, (text, bare?: string, braced?: string) => env[bare ?? braced ?? ''] ?? text);
}
