// Where prepared graphs are kept: the place of the Hugging Face libraries for what is derived from models.
import { join, resolve } from 'node:path';
import { expanded, huggingFaceHome } from '../hub/settings.js';

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
