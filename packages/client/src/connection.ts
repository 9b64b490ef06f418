// Requests to the service: JSON in and out, faults as errors of ours, repeated where a repeat does no harm.
import { ConnectionFailed, FaasError, QueueFull, refusal } from './errors.ts';
import { backoffMs, linkedTo, pause } from './pause.ts';
import type { Problem } from './contract.ts';

export interface ConnectionOptions {
  /** Where the service is; http://127.0.0.1:8000 unless said. */
  url?: string | undefined;
  /** Sent as `Authorization: Bearer`. */
  apiKey?: string | undefined;
  /** How often a request is repeated that met a fault of the connection, 429 or 503; 5 unless said. */
  retries?: number | undefined;
  /** How long those who wait for results put up with a service that is away, ms; 60,000 unless said. */
  patienceMs?: number | undefined;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** @internal */
export interface Ask {
  body?: string | undefined;
  query?: Record<string, string | number | boolean | Date | undefined> | undefined;
  /** Makes a repeat of this request do nothing. */
  key?: string | undefined;
  signal?: AbortSignal | undefined;
  /** The service may take so long over it by design, ms. */
  heldMs?: number | undefined;
  /** Repeat it for so long, ms, in place of so often. */
  patienceMs?: number | undefined;
  /** Once this fires nobody waits any more: no repeat, unless a try before may have been done all the same. */
  left?: AbortSignal | undefined;
  /** A repeat after a fault of the connection would do it twice. */
  once?: boolean | undefined;
  /** Where a try before may have been done all the same, 429 is repeated however often. */
  patient?: boolean | undefined;
  /** Of many tasks: where there is no room for all it is not repeated, for there may be for fewer. */
  many?: boolean | undefined;
  /** Told to who asked: a try may have been done, whatever came of those after it. */
  inDoubt?: boolean | undefined;
  /** The answer where a try before may have been done and now there is nothing left. */
  gone?: unknown;
}

/** After so long without an answer's head nobody is there any more, ms; what is sent may take longer, at 50 kB/s. */
const SILENCE_MS = 60_000;
/** From the head to the end, ms: 60 MB at 100 kB/s. */
const BODY_MS = 600_000;

/** @internal */
export class Connection {
  readonly url: string;
  readonly patienceMs: number;
  readonly #headers: Record<string, string>;
  readonly #retries: number;
  readonly #fetch: typeof fetch;

  constructor({
    url = 'http://127.0.0.1:8000',
    apiKey,
    retries = 5,
    patienceMs = 60_000,
    fetch: given,
  }: ConnectionOptions) {
    if (!/^https?:\/\/[^/?#]/.test(url)) {
      throw new TypeError(`url takes an address such as http://127.0.0.1:8000, not ${JSON.stringify(url)}.`);
    }
    // What fetch itself refuses would read as a service that is away, and be tried again. Neither is repeated to anybody.
    if (/^[^/]*\/\/[^/?#]*@/.test(url))
      throw new TypeError('url takes no user and password: a key is given as apiKey.');
    const key = apiKey?.trim();
    checkKey('apiKey', key);
    // A path goes behind it: a query or a hash would swallow that.
    this.url = url.replace(/\/*([?#].*)?$/, '');
    this.patienceMs = patienceMs;
    this.#retries = retries;
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    // Called as a method of ours a browser's fetch refuses.
    this.#fetch = given ?? ((input, init) => fetch(input, init));
  }

  /** The answer's body. @throws FaasError, or the signal's reason */
  async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, asked: Ask = {}): Promise<T> {
    const { signal, patienceMs, left, gone, patient } = asked;
    let until = 0;
    for (let tried = 0; ; tried++) {
      try {
        return await this.#once<T>(method, path, asked);
      } catch (fault) {
        signal?.throwIfAborted();
        const status = statusOf(fault);
        if (asked.inDoubt && status === 404 && gone !== undefined) return gone as T;
        asked.inDoubt ||= isDoubtful(fault);
        const isKept = asked.inDoubt && status === 429 && patient;
        // Not from the beginning: a program that was suspended since then has not been without the service.
        until ||= Date.now() + (patienceMs ?? 0);
        const more = isKept || (patienceMs === undefined ? tried < this.#retries : Date.now() < until);
        if (!more || !isPassing(fault, asked)) throw fault;
        await pause(pauseMs(fault, tried), asked.inDoubt ? signal : (left ?? signal));
      }
    }
  }

  /** An answer that goes on: its body's bytes, as far as the connection lasts. */
  async open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.#send('GET', path, {}, signal, { accept: 'text/event-stream', ...headers });
    if (answer.ok && answer.body !== null) return answer.body;
    throw this.#fault(answer, await answer.text());
  }

  async #once<T>(method: string, path: string, asked: Ask): Promise<T> {
    asked.signal?.throwIfAborted();
    const [stop, forget, within] = linkedTo(asked.signal);
    const { body = '', heldMs = 0 } = asked;
    try {
      within(SILENCE_MS + heldMs + body.length / 50);
      const answer = await this.#send(method, path, asked, stop.signal, {});
      within(BODY_MS);
      const text = await answer.text();
      if (!answer.ok) throw this.#fault(answer, text);
      return JSON.parse(text) as T;
    } catch (error) {
      throw error instanceof SyntaxError ? this.#notOurs('something that is no JSON') : this.away(error);
    } finally {
      forget();
    }
  }

  async #send(
    method: string,
    path: string,
    { body, query = {}, key }: Ask,
    signal: AbortSignal,
    more: Record<string, string>,
  ): Promise<Response> {
    const headers = { ...this.#headers, ...more };
    if (method === 'POST') headers['content-type'] = 'application/json';
    if (key !== undefined) headers['idempotency-key'] = key;
    // As JSON it is without what is undefined, and its dates are texts.
    const given = JSON.parse(JSON.stringify(query)) as Record<string, string>;
    const search = new URLSearchParams(given).toString();
    const target = this.url + path + (search === '' ? '' : `?${search}`);
    const sent = method === 'POST' ? (body ?? '{}') : null;
    return this.#fetch(target, { method, headers, body: sent, signal, redirect: 'manual' });
  }

  /** What fetch, or an answer's body, throws as one of ours. */
  away(error: unknown): FaasError {
    if (error instanceof FaasError) return error;
    const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
    const why = cause?.code ?? (cause?.message || message) ?? String(error);
    // As OpenSSL and Node name what is wrong with a certificate, and an answer without TLS.
    const [what, cure] = /CERT(_|$)|UNABLE_TO_/.test(why)
      ? ['trusted service', 'name its signer in NODE_EXTRA_CA_CERTS']
      : /wrong.version/i.test(cause?.message ?? why)
        ? ['TLS', 'write http://']
        : ['service', 'start one with `mpcsfaas up`'];
    return new ConnectionFailed(
      `No ${what} answers at ${this.url} (${why}): ${cure}, or give another url.`,
      undefined,
      { cause: error },
    );
  }

  #notOurs(what: string): ConnectionFailed {
    return new ConnectionFailed(`What answers at ${this.url} is no MPCSFaaS: it said ${what}.`);
  }

  #fault({ status, headers }: Response, text: string): FaasError {
    // Followed, it would make a GET of a POST, and lose the key. A page is not told where it leads.
    if (status < 400) {
      const to = headers.get('location');
      const place = to === null ? 'another address' : new URL(to, this.url).href.replace(/\/v1\/.*/, '');
      return new ConnectionFailed(`${this.url} leads to ${place}: give that as url.`);
    }
    let problem: Partial<Problem> = {};
    try {
      problem = JSON.parse(text) as Partial<Problem>;
    } catch {
      // A proxy's page.
    }
    const isOurs = typeof problem.code === 'string' && typeof problem.detail === 'string';
    // What a proxy does not let through.
    if (isOurs || [401, 403, 413, 429].includes(status)) {
      const detail = `Something in front of ${this.url} refused this: it said ${status}.`;
      const told = isOurs ? problem : { status, code: '', detail };
      const after = headers.get('retry-after')!;
      const ms = Number(after) * 1000 || Date.parse(after) - Date.now() || 0;
      return refusal({ retry_after_ms: ms, ...told } as Problem, this.url);
    }
    // A proxy says so of a service that is not there.
    if ([502, 503, 504].includes(status)) return this.away(new Error(String(status)));
    return this.#notOurs(`${status} ${JSON.stringify(text.slice(0, 80))}`);
  }
}

/** What no header can carry reads as a service that is away, too. @throws TypeError @internal */
export function checkKey(name: string, key = ''): void {
  if (!/^[ -~]*$/.test(key)) throw new TypeError(`${name} takes a key of plain letters, digits and signs.`);
}

/** How long to wait after a fault: as long as the service asks for, and longer each time. @internal */
export function pauseMs(fault: unknown, tried: number): number {
  return Math.max(backoffMs(tried, Math.random()), (fault as FaasError).problem?.retry_after_ms ?? 0);
}

/** Gone by itself, perhaps, and safe to repeat. */
function isPassing(fault: unknown, { once, many, inDoubt }: Ask): boolean {
  if (many && !inDoubt && fault instanceof QueueFull) return false;
  if (fault instanceof ConnectionFailed) return !once && fault.cause !== undefined;
  const status = statusOf(fault);
  return status === 429 || (status === 503 && !once);
}

/** The answer was cut off, or a fault came while it was done: who knows how far it got. */
function isDoubtful(fault: unknown): boolean {
  return (statusOf(fault) || 500) >= 500 && !String(fault).includes('ECONNREFUSED');
}

/** What the service answered in place of what was asked for; 0 = it did not. @internal */
export function statusOf(fault: unknown): number {
  return (fault as Partial<FaasError>).problem?.status ?? 0;
}

/** `randomUUID` is not to be had in pages that came over plain HTTP. @internal */
export function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}
