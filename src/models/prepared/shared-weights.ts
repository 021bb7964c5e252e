// The prepared graphs of one model for as long as its workers live: the image tower's at once, the text tower's on demand.
import type { PreparedGraph } from '../../pool/protocol.js';
import type { WeightSharing } from '../../types.js';
import type { Digests } from '../digests.js';
import type { GraphFile } from '../found.js';
import type { LoadedModel } from '../load-model.js';
import type { ModelRequest } from '../model-options.js';
import { prepareGraph, type Preparation, type PrepareRequest } from './prepare.js';

/** A tower of the model. */
export type Tower = 'image' | 'text';

const REFUSED = 'a worker could not use it: it is made again at the next start';

/** Prepares the towers of a model and keeps what came of it. */
export class SharedWeights {
  readonly #requests: Record<Tower, PrepareRequest | undefined>;
  readonly #preparing: Partial<Record<Tower, Promise<Preparation>>> = {};
  readonly #sharing: Record<Tower, WeightSharing>;
  readonly #closing = new AbortController();

  /**
   * @param model - whose towers they are
   * @param sessionOptions - as the workers have them
   * @param digests - of files
   * @param options - where prepared graphs are kept, and what gives up preparing
   */
  constructor(
    model: LoadedModel,
    sessionOptions: Record<string, unknown>,
    digests: Digests,
    { cacheDir, signal }: Pick<ModelRequest, 'cacheDir' | 'signal'>,
  ) {
    const { found, fingerprint, preprocess } = model;
    const { height, width } = preprocess.cropSize;
    const { text } = found;
    const shared = {
      sessionOptions,
      digests,
      cacheDir,
      signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    };
    this.#requests = {
      // The fingerprint covers the image tower, so its files need not be read again.
      image: {
        ...shared,
        ...filesOf(found.vision),
        source: `${fingerprint}/image`,
        probe: { input: 'pixel_values', height, width },
      },
      text: text && {
        ...shared,
        ...filesOf(text.graph),
        source: knownContent(text.graph),
        probe: { input: 'input_ids' },
      },
    };
    const reason = text === undefined ? 'the model has no text tower' : 'no text has been embedded';
    this.#sharing = { image: { shared: false }, text: { shared: false, reason } };
  }

  /**
   * Prepares a tower, once however often it is asked for.
   * @param tower - which
   * @returns its prepared form; undefined when it is to be loaded as it is, for the reason in {@link SharedWeights.stats}
   */
  async prepare(tower: Tower): Promise<PreparedGraph | undefined> {
    const request = this.#requests[tower];
    if (request === undefined) return undefined;
    this.#preparing[tower] ??= prepareGraph(request).then((preparation) => {
      const { graph, reason } = preparation;
      this.#sharing[tower] = graph === undefined ? { shared: false, reason } : { shared: true };
      return preparation;
    });
    return (await this.#preparing[tower]).graph;
  }

  /**
   * Takes note of what a worker opened.
   * @param tower - which
   * @param shared - whether it was the prepared form
   */
  async opened(tower: Tower, shared: boolean): Promise<void> {
    if (shared || !this.#sharing[tower].shared) return;
    this.#sharing[tower] = { shared: false, reason: REFUSED };
    await (await this.#preparing[tower])?.discard();
  }

  /**
   * For {@link VisionStats}.
   * @returns whether the workers share weights, by tower
   */
  stats(): Record<Tower, WeightSharing> {
    return { ...this.#sharing };
  }

  /** Ends what is being prepared; prepared graphs are in use no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const preparing of Object.values(this.#preparing)) (await preparing).release();
  }
}

function filesOf({ path, data }: GraphFile): { path: string; outside: string[] } {
  return { path, outside: data.map((file) => file.path) };
}

function knownContent({ sha256, data }: GraphFile): string | undefined {
  const hashes = [sha256, ...data.map((file) => file.sha256)];
  return hashes.includes(undefined) ? undefined : hashes.join(' ');
}
