// A process of its own that fetches one snapshot and says how it went: one line of JSON.
import { VisionError } from '../../dist/esm/errors.js';
import { Digests } from '../../dist/esm/models/digests.js';
import type { HubFile } from '../../dist/esm/models/hub/cached-files.js';
import { TIMING } from '../../dist/esm/models/hub/timing.js';
import { Hasher } from '../../dist/esm/pool/hasher.js';
import { fetchSnapshot } from './hub-client.js';

/** What the process is asked for. */
export interface Errand {
  endpoint: string;
  cacheDirectory: string;
  repo: string;
  revision: string;
  files: HubFile[];
}

const { endpoint, cacheDirectory, repo, revision, files } = JSON.parse(process.argv[2] ?? '') as Errand;
const hasher = new Hasher();
const settings = {
  endpoint,
  cacheDirectory,
  assetsDirectory: cacheDirectory,
  token: undefined,
  offline: false,
};
try {
  const timing = { ...TIMING, lockPoll: 5 };
  const snapshot = await fetchSnapshot(
    { repo, revision, files, settings, digests: new Digests(hasher) },
    timing,
  );
  const hashes = [...snapshot.files].map(([path, file]) => [path, file.sha256]);
  console.log(JSON.stringify({ commit: snapshot.commit, hashes: Object.fromEntries(hashes) as object }));
} catch (error) {
  if (!(error instanceof VisionError)) throw error;
  console.log(JSON.stringify({ code: error.code }));
}
await hasher.close();
