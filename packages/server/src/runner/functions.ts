// The functions that a pool has met, and the code it keeps.
import { BoundedMap } from '../bounded-map.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';
import type { Pace } from './depth.ts';

/** One way to call one code: the same source with two entries is two functions. The children know it by its number. */
export interface Fn extends Pace {
  readonly number: number;
  readonly key: string;
  readonly digest: string;
  readonly form: TaskSpec['form'];
  readonly entry: string;
  readonly name: string;
  readonly python: string;
  /** It could not be loaded in a runner in which nothing had run. */
  unloadable: boolean;
  /** Does its pickle hold byte code, and not a name alone? Undefined until it is sent to a runner. */
  byteCode: boolean | undefined;
}

/** Functions remembered. */
const MOST_FUNCTIONS = 10_000;

export class FunctionTable {
  readonly #known = new BoundedMap<string, Fn>(MOST_FUNCTIONS);
  #next = 1;

  of(spec: TaskSpec): Fn {
    const key = `${spec.digest}|${spec.form}|${spec.entry}|${spec.python}`;
    let fn = this.#known.get(key);
    if (!fn) {
      fn = {
        number: this.#next++,
        key,
        digest: spec.digest,
        form: spec.form,
        entry: spec.entry,
        name: spec.function_name,
        python: spec.python,
        results: 0,
        meanMs: 0,
        slowAt: -Infinity,
        sinceSlow: 0,
        raw: false,
        unloadable: false,
        byteCode: undefined,
      };
      this.#known.set(key, fn);
    }
    return fn;
  }
}

/** What dill and cloudpickle make code objects by, whatever else is in the pickle. */
const CODE_MAKERS = ['_create_code', 'CodeType'];

/** Does this pickle hold byte code, which runs on one minor version of Python alone? */
export function holdsByteCode(pickle: Buffer): boolean {
  return CODE_MAKERS.some((name) => pickle.includes(name, 0, 'latin1'));
}

/** Code by digest, within a bound of bytes; the least recently used goes first. */
export class CodeShelf {
  readonly #kept = new Map<string, Buffer>();
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  has(digest: string): boolean {
    return this.#kept.has(digest);
  }

  get(digest: string): Buffer | undefined {
    const code = this.#kept.get(digest);
    if (code) {
      this.#kept.delete(digest);
      this.#kept.set(digest, code);
    }
    return code;
  }

  put(digest: string, code: Buffer): void {
    if (this.#kept.has(digest)) return;
    this.#kept.set(digest, code);
    this.#bytes += code.length;
    for (const [oldest, bytes] of this.#kept) {
      if (this.#bytes <= this.#mostBytes || oldest === digest) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
