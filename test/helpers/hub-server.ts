// A hub on this machine: repositories, commits, redirects to a second origin, ranges, and every way to break.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What a request met. */
export interface Seen {
  /** The hub itself, or the server that large files come from. */
  at: 'hub' | 'cdn';
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** How the next request (or, where it is about content, the next body) goes wrong. Positions are bytes of the file. */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** The connection is reset before any answer. */
  | { kind: 'reset' }
  /** No answer ever. */
  | { kind: 'silence' }
  /** The body ends there: by closing the connection, or by resetting it. */
  | { kind: 'cut'; at: number; reset: boolean }
  /** The body stops there, the connection stays. */
  | { kind: 'stall'; at: number }
  /** One byte is another one. */
  | { kind: 'flip'; at: number }
  /** So many bytes more (or fewer) than there are, and the headers say so too. */
  | { kind: 'length'; by: number }
  /** The whole file although a range was asked for. */
  | { kind: 'whole' }
  /** A range that starts elsewhere. */
  | { kind: 'shifted'; by: number };

/** A file in a commit. */
export interface ServedFile {
  content: Buffer;
  /** Large files are named by SHA-256 and come from the other origin. */
  lfs: boolean;
  /** Sent instead of the content's hash. */
  etag?: string;
}

interface Repository {
  refs: Map<string, string>;
  commits: Map<string, ReadonlyMap<string, ServedFile>>;
}

/**
 * @param content - any bytes
 * @returns their SHA-256
 */
export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * @param content - any bytes
 * @returns the hash by which git names them
 */
export function gitBlob(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

/** Speaks the hub's protocol. */
export class HubServer {
  /** In the order they came. */
  readonly seen: Seen[] = [];
  /** Taken by the next requests, one each; undefined lets one pass. */
  readonly faults: (Fault | undefined)[] = [];
  /** Refuses everybody without it. */
  token: string | undefined;
  /** Whether ranges are understood. */
  ranges = true;
  /** Sends readers of a repository elsewhere, as after renaming it. */
  readonly moved = new Map<string, string>();
  /** Called before an answer; what it returns is waited for. */
  before: ((seen: Seen) => Promise<void> | void) | undefined;
  /** Headers that no answer has, as of mirrors. Without `content-length` and `transfer-encoding` a body ends with its connection. */
  readonly lacks = new Set<string>();
  /** Requests that are answered with 503, however often they come. */
  down: ((seen: Seen) => boolean) | undefined;

  readonly #repos = new Map<string, Repository>();
  /** By SHA-256. */
  readonly #large = new Map<string, ServedFile>();
  readonly #sockets = new Set<Socket>();
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor() {
    this.#hub = this.#server('hub');
    this.#cdn = this.#server('cdn');
  }

  /** @returns a server that listens */
  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const each of [server.#hub, server.#cdn]) {
      await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  /** Its URL. */
  get endpoint(): string {
    return originOf(this.#hub);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([this.#hub, this.#cdn].map((each) => new Promise((resolve) => each.close(resolve))));
  }

  /** Forgets requests and faults. */
  reset(): void {
    this.seen.length = 0;
    this.faults.length = 0;
  }

  /**
   * @param method - of the requests
   * @param at - where they arrived
   * @returns how many there were
   */
  count(method: string, at?: 'hub' | 'cdn'): number {
    return this.seen.filter((seen) => seen.method === method && (at ?? seen.at) === seen.at).length;
  }

  /**
   * Adds a commit.
   * @param repo - the repository's id
   * @param files - by path
   * @param branch - that moves to it
   * @returns its hash
   */
  commit(repo: string, files: Record<string, ServedFile>, branch = 'main'): string {
    const known = this.#repos.get(repo) ?? { refs: new Map<string, string>(), commits: new Map() };
    const hash = createHash('sha1').update(`${repo} ${branch} ${known.commits.size}`).digest('hex');
    known.commits.set(hash, new Map(Object.entries(files)));
    known.refs.set(branch, hash);
    for (const file of Object.values(files)) if (file.lfs) this.#large.set(sha256(file.content), file);
    this.#repos.set(repo, known);
    return hash;
  }

  #server(at: 'hub' | 'cdn'): Server {
    const server = createServer((request, response) => void this.#answer(at, request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  async #answer(at: 'hub' | 'cdn', request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const { range, authorization } = headers;
    const seen = { at, method, path: decodeURIComponent(url), range, authorization };
    leaveOut(this.lacks, response);
    this.seen.push(seen);
    const fault = this.faults.shift();
    await this.before?.(seen);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.headers).end(method === 'HEAD' ? undefined : 'broken');
      return;
    }
    if (this.down?.(seen)) {
      response.writeHead(503).end();
      return;
    }
    if (at === 'cdn')
      this.#serve(this.#large.get(url.slice(1).split('?')[0] ?? ''), request, response, fault);
    else this.#resolve(url, request, response, fault);
  }

  #resolve(url: string, request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const [, repo = '', revision = '', encoded = ''] =
      /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(url.split('?')[0] ?? '') ?? [];
    const refuse = (status: number, code: string, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'x-error-code': code, 'x-error-message': `${code}.`, ...headers }).end();
    };
    const target = this.moved.get(repo);
    if (target !== undefined) {
      response.writeHead(307, { location: url.replace(repo, target), etag: '"of-the-redirect"' }).end();
      return;
    }
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      refuse(request.headers.authorization === undefined ? 401 : 403, 'GatedRepo');
      return;
    }
    const known = this.#repos.get(repo);
    if (known === undefined) {
      refuse(404, 'RepoNotFound');
      return;
    }
    const commit = known.refs.get(decodeURIComponent(revision)) ?? revision;
    const files = known.commits.get(commit);
    if (files === undefined) {
      refuse(404, 'RevisionNotFound');
      return;
    }
    const file = files.get(decodeURIComponent(encoded));
    if (file === undefined) {
      refuse(404, 'EntryNotFound', { 'x-repo-commit': commit });
      return;
    }
    response.setHeader('x-repo-commit', commit);
    if (!file.lfs) {
      response.setHeader('etag', file.etag ?? `"${gitBlob(file.content)}"`);
      this.#serve(file, request, response, fault);
      return;
    }
    const hash = sha256(file.content);
    response
      .writeHead(302, {
        location: `${originOf(this.#cdn)}/${hash}?signature=secret`,
        'x-linked-etag': file.etag ?? `"${hash}"`,
        'x-linked-size': String(file.content.length),
        'content-length': '0',
      })
      .end();
    // The fault was meant for a body.
    if (fault !== undefined) this.faults.unshift(fault);
  }

  #serve(
    file: ServedFile | undefined,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): void {
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'content-length': String(file.content.length) }).end();
      if (fault !== undefined) this.faults.unshift(fault);
      return;
    }
    let content = Buffer.from(file.content);
    if (fault?.kind === 'flip' && content.length > 0) {
      const at = fault.at % content.length;
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
    }
    if (fault?.kind === 'length') {
      const longer = Buffer.concat([content, Buffer.alloc(Math.max(0, fault.by), 7)]);
      content = longer.subarray(0, Math.max(0, file.content.length + fault.by));
    }
    const [, from = 0, to = Infinity] =
      fault?.kind === 'whole' || !this.ranges
        ? []
        : (/^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '') ?? []);
    let start = Number(from);
    const partial = start > 0 || Number.isFinite(Number(to));
    if (fault?.kind === 'shifted' && start > 0) start = Math.max(0, start - fault.by);
    if (start > 0 && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start, Number(to) + 1);
    const end = start + body.length - 1;
    const range = partial ? { 'content-range': `bytes ${start}-${end}/${content.length}` } : {};
    response.writeHead(partial ? 206 : 200, { 'content-length': String(body.length), ...range });
    // A body that is sent whole but never ended would hold up the next request on its connection.
    if ((fault?.kind !== 'cut' && fault?.kind !== 'stall') || fault.at >= content.length) {
      response.end(body);
      return;
    }
    const sent = body.subarray(0, Math.max(0, fault.at - start));
    response.flushHeaders();
    response.write(sent, () => {
      if (fault.kind === 'stall') return;
      if (fault.reset) response.socket?.resetAndDestroy();
      else response.socket?.destroySoon();
    });
  }
}

function leaveOut(names: ReadonlySet<string>, response: ServerResponse): void {
  if (names.size === 0) return;
  if (names.has('content-length') && names.has('transfer-encoding')) {
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
  }
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status: number, headers: unknown = {}) => {
    for (const name of names) response.removeHeader(name);
    const left = Object.entries(headers as Record<string, string>).filter(([name]) => !names.has(name));
    return writeHead(status, Object.fromEntries(left));
  };
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
