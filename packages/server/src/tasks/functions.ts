// Functions: what is checked when one is registered, and how one is found again.
import { BoundedMap } from '../bounded-map.ts';
import { createHash } from 'node:crypto';
import { LIMITS } from '@mpcsfaas/contract/words';
import type { FunctionOptions, Runtime } from '@mpcsfaas/contract';
import { isWellFormedId } from '../lifecycle/ids.ts';
import type { Clock } from '../clock.ts';
import type { FunctionRecord, Store } from '../store/index.ts';
import { defaultsOf, demandOneStart } from './options.ts';
import { checkPickle } from './pickle/check.ts';
import { Refusal } from './refusal.ts';
import { demandNoClass } from './source/no-class.ts';
import { demandSelfContained } from './source/self-contained.ts';

export interface Registration {
  name: string;
  classic: boolean;
  runtime: Runtime;
  code: { form: 'source'; text: string } | { form: 'pickle'; bytes: Buffer };
  entry: string;
  python: string;
  description: string;
  pickler: string;
  sourceText: string;
  options: FunctionOptions;
}

/** How long another service's deletion of a version may stay unseen here, ms. */
const REMEMBER_MS = 1000;
const REMEMBERED = 10_000;

/** Registers and finds functions. Versions are immutable, so those found by id are remembered for a second. */
export class Functions {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #maxCodeBytes: number;
  readonly #remembered = new BoundedMap<string, { fn: FunctionRecord; until: number }>(REMEMBERED);
  /** Look-ups of this turn of the event loop: one for all who ask for the same, and none for who comes later. */
  readonly #asking = new Map<string, Promise<FunctionRecord | undefined>>();

  constructor(store: Store, clock: Clock, maxCodeBytes: number) {
    this.#store = store;
    this.#clock = clock;
    this.#maxCodeBytes = maxCodeBytes;
  }

  /** Refuses what is too large, no pickle, or plainly no callable. */
  async register(tenant: string, wish: Registration): Promise<{ fn: FunctionRecord; created: boolean }> {
    const code = wish.code.form === 'source' ? Buffer.from(wish.code.text, 'utf8') : wish.code.bytes;
    if (code.length > this.#maxCodeBytes) {
      throw new Refusal(
        'code_too_large',
        `The function has ${code.length} bytes of code; the limit is ${this.#maxCodeBytes}. Start the service with a larger ${LIMITS.max_code_bytes.option}.`,
        { limit: this.#maxCodeBytes, option: LIMITS.max_code_bytes.option },
      );
    }
    demandOneStart(wish.options, {}, '/options');
    if (wish.code.form === 'pickle') checkCallable(wish.runtime, code);
    else if (wish.runtime === 'javascript') {
      demandNoClass(wish.code.text, wish.entry);
      demandSelfContained(wish.code.text);
    }
    return this.#store.register(tenant, {
      name: wish.name,
      classic: wish.classic,
      runtime: wish.runtime,
      form: wish.code.form,
      entry: wish.entry,
      python: wish.python,
      digest: createHash('sha256').update(code).digest('hex'),
      defaults: defaultsOf(wish.options),
      description: wish.description,
      pickler: wish.pickler,
      sourceText: wish.sourceText,
      code,
    });
  }

  /** By id, name or name@version; refuses with `function_not_found`. */
  async find(tenant: string, ref: string): Promise<FunctionRecord> {
    const fn = await this.look(tenant, ref);
    if (fn !== undefined) return fn;
    throw noFunction(ref);
  }

  /** As `find`, undefined where there is none. */
  async look(tenant: string, ref: string): Promise<FunctionRecord | undefined> {
    const key = `${tenant}\n${ref}`;
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && remembered.until > this.#clock.mono()) return remembered.fn;
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(tenant, ref, key);
      this.#asking.set(key, asking);
      setImmediate(() => this.#asking.delete(key));
    }
    return asking;
  }

  async #ask(tenant: string, ref: string, key: string): Promise<FunctionRecord | undefined> {
    const fn = await this.#store.findFunction(tenant, ref);
    // A name may mean another version at any time; an id never does.
    if (fn !== undefined && isWellFormedId(ref)) {
      this.#remembered.set(key, { fn, until: this.#clock.mono() + REMEMBER_MS });
    }
    return fn;
  }

  list(tenant: string, limit: number, cursor: string): Promise<{ items: FunctionRecord[]; nextCursor: string }> {
    return this.#store.listFunctions(tenant, limit, cursor);
  }

  /** How many versions went; refuses with `function_not_found` where none. */
  async delete(tenant: string, ref: string): Promise<number> {
    const deleted = await this.#store.deleteFunction(tenant, ref);
    this.#remembered.clear();
    if (deleted === 0) await this.find(tenant, ref);
    return deleted;
  }
}

export function noFunction(ref: string): Refusal {
  return new Refusal(
    'function_not_found',
    `There is no function "${ref}". Register it first, or look at /v1/functions.`,
  );
}

function checkCallable(runtime: Runtime, code: Buffer): void {
  if (runtime === 'javascript') {
    throw new Refusal('pickle_for_javascript', 'A JavaScript function is registered by its `source`, not by a pickle.');
  }
  const check = checkPickle(code);
  switch (check.is) {
    case 'malformed':
      throw new Refusal(
        'invalid_pickle',
        `The payload is no whole pickle: it ${check.reason}. Send codecs.encode(dill.dumps(function), "base64").decode().`,
      );
    case 'not_callable':
      throw new Refusal(
        'not_callable',
        `The payload is a pickled ${check.kind}, which cannot be called. Pickle the function itself.`,
      );
    case 'callable_perhaps':
      return;
  }
}
