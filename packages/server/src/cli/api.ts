// The command line's own client of the REST API. Every failure becomes one sentence.
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { MAX_PAGE } from '@mpcsfaas/contract/words';
import { parseExact } from './exact-json.ts';
import { Silent, exchange, stream, type HttpAnswer } from './http.ts';
import { environment, placeOf } from './options.ts';
import { UserError } from './user-error.ts';

export interface ApiOptions {
  url: string;
  apiKey?: string;
}

/** How long the service may say nothing, ms: of a stream it is heard every 15 s. */
export interface Patience {
  silenceMs: number;
  /** Of a request that is held for a time, beyond that. */
  marginMs: number;
}

const PATIENCE: Patience = { silenceMs: 40_000, marginMs: 10_000 };

/** How long a service may take to open its port, which began in the line before, ms; then who asks is told. */
const START_MS = 2_500;
const START_LOOK_MS = 100;

export interface Answer {
  status: number;
  body: unknown;
  headers: IncomingHttpHeaders;
}

/** The service refused; its answer is kept beside the sentence. */
export class Refused extends UserError {
  override name = 'Refused';
  readonly answer: Answer;

  constructor(sentence: string, answer: Answer) {
    super(sentence);
    this.answer = answer;
  }
}

/** Nothing answered, or not to the end. */
export class Unreachable extends UserError {
  override name = 'Unreachable';
  /** What was asked may be done all the same. */
  readonly mayBeDone: boolean;

  constructor(sentence: string, mayBeDone: boolean) {
    super(sentence);
    this.mayBeDone = mayBeDone;
  }
}

/** The connection stands, and nothing came. */
export class Hung extends Unreachable {
  override name = 'Hung';
}

export interface Listed {
  items: unknown[];
  /** '' where that is all. */
  next_cursor: string;
}

/** Items that a command lists at most: more than anybody reads; programs page by the API. */
export const MOST_LISTED = 100_000;

type Query = Record<string, string | number | undefined>;

export class Api {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #patience: Patience;
  /** Until when a refused connection is tried again; no more once anything has answered: who works on has patience of its own. */
  #startsUntil = performance.now() + START_MS;

  constructor({ url, apiKey }: ApiOptions, patience = PATIENCE) {
    this.#url = address(url);
    this.#patience = patience;
    this.#headers = {
      accept: 'application/json',
      ...(apiKey !== undefined && { authorization: `Bearer ${sendable(apiKey)}` }),
    };
  }

  /** Where `signal` fires, it is given up. */
  get(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
    return this.#call('GET', path, query, undefined, {}, signal);
  }

  /** Up to `limit` of a list's items, page after page. */
  async list(path: string, query: Query, limit: number): Promise<Listed> {
    const items: unknown[] = [];
    let cursor: string | undefined;
    do {
      const asked = { ...query, limit: Math.min(limit - items.length, MAX_PAGE), cursor };
      const page = await this.page(path, asked);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor !== '' && items.length < limit);
    return { items, next_cursor: cursor };
  }

  /** A list's items, or those of one page of it. */
  async page<T extends { items: unknown[] } = Listed>(path: string, query: Query = {}): Promise<T> {
    const answer = await this.get(path, query);
    const page = this.bodyOf<T>(answer, 'items');
    if (!Array.isArray(page.items)) throw this.notOurs(answer);
    return page;
  }

  /** What was answered, which has this field where it is a service of ours that answers. @throws UserError */
  bodyOf<T extends object>(answer: Answer, field: keyof T & string): T {
    const body = answer.body as Partial<T> | null;
    if (typeof body !== 'object' || body?.[field] === undefined) throw this.notOurs(answer);
    return body as T;
  }

  /** Where `signal` fires, it is given up. */
  post(path: string, body: unknown, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
    return this.#call('POST', path, query, JSON.stringify(body), {}, signal);
  }

  /** `text` is JSON already. `key`: a repeat under the same one does nothing. */
  postText(path: string, text: string, query: Query = {}, key?: string): Promise<Answer> {
    return this.#call('POST', path, query, text, key === undefined ? {} : { 'idempotency-key': key });
  }

  /** An answer that goes on, as its pieces of text come. */
  async follow(path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<string>> {
    const headers = { ...this.#headers, accept: 'text/event-stream' };
    const timeout = this.#patience.silenceMs;
    const opened = await this.#answered(false, () => stream(this.#target(path, query), { headers, signal, timeout }));
    if (opened.is === 'open') return this.#heard(opened.pieces);
    throw this.#refused(opened.answer);
  }

  async *#heard(pieces: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* pieces;
    } catch (error) {
      throw error instanceof Silent ? this.#away(error, false) : error;
    }
  }

  delete(path: string): Promise<Answer> {
    return this.#call('DELETE', path, {});
  }

  async #call(
    method: string,
    path: string,
    query: Query,
    body?: string,
    more: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const headers = { ...this.#headers, ...more, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const { silenceMs, marginMs } = this.#patience;
    const timeout = query['wait_ms'] === undefined ? silenceMs : Number(query['wait_ms']) + marginMs;
    // To ask for results is to read, however long the list of them.
    const changes = method !== 'GET' && path !== '/v1/results';
    const answered = await this.#answered(changes, () =>
      exchange(this.#target(path, query), { method, headers, timeout, ...(signal && { signal }) }, body),
    );
    const { status, text } = answered;
    if (status < 200 || status > 299) throw this.#refused(answered);
    try {
      return { status, body: parseExact(text), headers: answered.headers };
    } catch {
      // A page for people: each answer of ours is JSON.
      throw this.#refused(answered);
    }
  }

  /** For an answer that holds something else than it was asked for. */
  notOurs({ status, body }: Answer): UserError {
    return new UserError(otherText(this.#url, status, JSON.stringify(body)));
  }

  /** `changes`: what is asked for does. A refused connection has done nothing: it is tried again while the service may still be starting. @throws Unreachable */
  async #answered<T>(changes: boolean, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask();
        this.#startsUntil = 0;
        return answer;
      } catch (error) {
        if (reason(error) !== 'ECONNREFUSED' || performance.now() > this.#startsUntil) throw this.#away(error, changes);
      }
      await pause(START_LOOK_MS);
    }
  }

  #target(path: string, query: Query): URL {
    const target = new URL(this.#url + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) target.searchParams.set(name, String(value));
    return target;
  }

  /** Unreachable, but where to ask again is of no use. */
  #away(error: unknown, changes: boolean): UserError {
    if (isUntrusted(error))
      return new UserError(
        `The certificate of the service at ${this.#url} is not trusted here (${reason(error)}): correct --url, or name the file of whoever signed it in NODE_EXTRA_CA_CERTS.`,
      );
    if (isWithoutTls(error))
      return new UserError(
        `What answers at ${this.#url} speaks no TLS: correct --url, which for a service without it begins with http://.`,
      );
    const mayBeDone = changes && !wasNotSent(error);
    if (error instanceof Silent)
      return new Hung(
        `The service at ${this.#url} does not answer: ${error.message}. What was asked may be done all the same; look whether it hangs, and try again.`,
        mayBeDone,
      );
    if (mayBeDone)
      return new Unreachable(
        `The connection to the service at ${this.#url} broke (${reason(error)}) before the answer came: what was asked may be done all the same. Look before you ask again.`,
        mayBeDone,
      );
    return new Unreachable(
      `No service answers at ${this.#url} (${reason(error)}): start one with \`mpcsfaas up\`, or name another with --url or --port.`,
      mayBeDone,
    );
  }

  #refused({ status, text, headers }: HttpAnswer): Refused {
    const answer = { status, body: parse(text), headers };
    return new Refused(problemText(answer, text, this.#url, 'authorization' in this.#headers), answer);
  }
}

/** The key, which fits in a header. @throws UserError */
function sendable(apiKey: string): string {
  const key = apiKey.trim();
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  const place = environment['MPCSFAAS_API_KEY'] === apiKey ? placeOf('MPCSFAAS_API_KEY') : '--api-key';
  throw new UserError(`${place} has characters that no API key has: give the key as it was shown when it was made.`, 2);
}

/** Without a slash at its end, and without a query, which is no part of an address. @throws UserError */
function address(text: string): string {
  const parsed = URL.parse(text);
  const isHttp = parsed !== null && /^https?:$/.test(parsed.protocol);
  const place = environment['MPCSFAAS_URL'] === text ? placeOf('MPCSFAAS_URL') : '--url';
  // A password is repeated to nobody, in an address that is none either.
  if (isHttp ? parsed.username + parsed.password !== '' : text.includes('@'))
    throw new UserError(`${place} takes no user and password: give a key with --api-key or MPCSFAAS_API_KEY.`, 2);
  if (isHttp) return text.replace(/[?#].*$/s, '').replace(/\/+$/, '');
  throw new UserError(`${place} takes an address such as http://127.0.0.1:8000, not ${JSON.stringify(text)}.`, 2);
}

/** `ECONNREFUSED`, where it has such a name. */
function reason(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}

/** There was no connection yet that could have carried it. */
function wasNotSent(error: unknown): boolean {
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException;
  return ['connect', 'getaddrinfo'].includes(syscall) || /^(ECONNREFUSED|ENOTFOUND)$/.test(code);
}

/** As OpenSSL and Node name what is wrong with a certificate. */
function isUntrusted(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return /^(ERR_TLS_)?CERT_|SELF_SIGNED_CERT|^UNABLE_TO_|^INVALID_(CA|PURPOSE)$|^HOSTNAME_MISMATCH$/.test(code);
}

/** As versions of OpenSSL name an answer that is plain text. */
function isWithoutTls(error: unknown): boolean {
  const names = /wrong version number|http request|packet length too long|record layer failure/i;
  return /^(EPROTO|ERR_SSL_)/.test(reason(error)) && error instanceof Error && names.test(error.message);
}

function parse(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

function otherText(url: string, status: number, text: string): string {
  return `What answers at ${url} is no MPCSFaaS service: it said ${status} ${JSON.stringify(text.slice(0, 80))}.`;
}

/** A problem's `detail`, with the faulty fields. `given`: a key was sent along. */
function problemText({ status, body }: Answer, text: string, url: string, given: boolean): string {
  const problem = body as { code?: string; detail?: string; errors?: { pointer: string; message: string }[] } | null;
  const isOurs = typeof problem?.detail === 'string';
  if (!isOurs && [401, 403, 413].includes(status))
    return `Something in front of the service at ${url} refused this with ${status}: change what it lets through, or name another with --url.`;
  // A proxy says so of a service that is not there.
  if (!isOurs && [502, 503, 504].includes(status))
    return `No service answers behind ${url}, what is in front of it said ${status}: start one with \`mpcsfaas up\`, or name another with --url or --port.`;
  if (status === 401) {
    return given
      ? `The service at ${url} does not know this API key: give a valid one with --api-key or ${placeOf('MPCSFAAS_API_KEY')}.`
      : `The service at ${url} wants an API key: give it with --api-key or MPCSFAAS_API_KEY.`;
  }
  if (!isOurs) return otherText(url, status, text);
  const { code, detail = '', errors = [] } = problem;
  if (code === 'route_not_found') {
    const { origin, pathname } = new URL(url);
    return pathname === '/'
      ? `The service at ${url} is older than this command: update it. (${detail})`
      : `There is no service at ${url}: leave ${pathname} out of --url, for ${origin} answers. (${detail})`;
  }
  // The detail of a problem with one fault tells it already.
  const more = errors.map(({ pointer, message }) => `${pointer} ${message}`).filter((fault) => !detail.includes(fault));
  return more.length > 0 ? `${detail} (${more.join('; ')})` : detail;
}
