// A real service on a real embedded store, on a port of the kernel's choice. The test plays the dispatcher.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogLevel } from 'fastify';
import { defaultServiceConfig } from '../../src/config/service.ts';
import type { ServiceConfig } from '../../src/config/service.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { createService } from '../../src/service/index.ts';
import type { Service } from '../../src/service/index.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import type { ClaimedTask, Settlement, Store } from '../../src/store/index.ts';
import { makeLogger } from '../../src/telemetry/index.ts';

/** Every field that tests read of an answer; which of them are there depends on the answer. */
export interface Told {
  function_id: string;
  version: number | string;
  digest: string;
  task_id: string;
  key_id: string;
  key: string;
  task_ids: string[];
  status: string | number;
  result: string;
  value: unknown;
  pickle: string;
  error: unknown;
  results: Told[];
  pending: string[];
  unknown: string[];
  items: Told[];
  next_cursor: string;
  waits: { reason: string; detail: string } | null;
  message: string;
  code: string;
  detail: string;
  request_id: string;
  accepted: number[];
}

export interface Answer {
  status: number;
  headers: Headers;
  /** The body as JSON, empty where it is none. */
  body: Told;
  bytes: Buffer;
}

export interface Settings {
  config?: Partial<ServiceConfig>;
  firstKey?: string;
  /** Stands between the service and the real store. */
  around?: (store: Store) => Store;
  logLevel?: LogLevel;
  /** Where its lines go; else to stderr. */
  logTo?: { write(line: string): void };
  watchers?: () => string[];
  /** The service's; the store's is the system's. */
  clock?: Clock;
}

export interface Rig {
  url: string;
  store: Store;
  service: Service;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Claims whatever waits, of any lane. */
  claim(): Promise<ClaimedTask[]>;
  /** Claims all that waits and ends each one. */
  finish(end?: End): Promise<number>;
  stop(): Promise<void>;
}

export type End =
  | { state: 'COMPLETED'; result: { json?: Buffer; pickle?: Buffer } }
  | (Pick<Extract<Settlement, { state: 'FAILED' }>, 'kind' | 'error' | 'pickle'> & { state: 'FAILED' });

export const PICKLE_42 = Buffer.from([0x80, 2, 0x4b, 42, 0x2e]);
export const DONE: End = { state: 'COMPLETED', result: { json: Buffer.from('42'), pickle: PICKLE_42 } };

/** The Python SDK's sources. */
export const PYTHON_SDK = fileURLToPath(new URL('../../../../python', import.meta.url));

export async function startRig(settings: Settings = {}): Promise<Rig> {
  const dataDir = await mkdtemp(join(tmpdir(), 'service-'));
  const store = await openEmbeddedStore({ dataDir, sync: 'normal', clock: systemClock });
  const service = await createService({
    store: settings.around?.(store) ?? store,
    config: { ...defaultServiceConfig, pythonSdk: PYTHON_SDK, ...settings.config },
    firstKey: settings.firstKey ?? '',
    clock: settings.clock ?? systemClock,
    logger: makeLogger('service', settings.logLevel ?? 'fatal', settings.logTo ?? process.stderr),
    version: '0.1.0',
    ...(settings.watchers && { watchers: settings.watchers }),
  });
  const url = await service.listen('127.0.0.1', 0);

  const send: Rig['send'] = async (method, path, body, headers = {}) => {
    const init: RequestInit = { method, headers };
    if (Buffer.isBuffer(body)) init.body = new Uint8Array(body);
    else if (body !== undefined) {
      init.body = typeof body === 'string' ? body : JSON.stringify(body);
      init.headers = { 'content-type': 'application/json', ...headers };
    }
    const answer = await fetch(url + path, init);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return {
      status: answer.status,
      headers: answer.headers,
      body: (isJson ? JSON.parse(bytes.toString()) : {}) as Told,
      bytes,
    };
  };

  const claim = async (): Promise<ClaimedTask[]> => {
    // The hint of a submit is earlier than its transaction, and a claim would share that; the look at the lanes comes after it.
    await store.renew('default', []);
    const lanes = (await store.lanes('default')).map(({ lane }) => ({ lane, max: 10_000 }));
    return (await store.claim('default', 'test', lanes, 10_000)).tasks;
  };

  return {
    url,
    store,
    service,
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    claim,
    finish: async (end = DONE) => {
      const claimed = await claim();
      const ends = claimed.map(({ fence }) => settlement(fence, end));
      await store.settle('default', ends);
      return claimed.length;
    },
    stop: async () => {
      await service.close();
      await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

function settlement(fence: ClaimedTask['fence'], end: End): Settlement {
  const base = { fence, worker: 'w1', startedAt: Date.now(), logs: null, is: 'end' as const };
  return { ...base, ...end };
}

/** Registers a Python source function; answers its id. */
export async function addFunction(
  rig: Rig,
  name = 'double',
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<string> {
  const source = 'def double(x):\n    return x * 2\n';
  const answer = await rig.post('/v1/functions', { name, runtime: 'python', source, ...body }, headers);
  if (answer.status >= 300) throw new Error(answer.bytes.toString());
  return answer.body.function_id;
}
