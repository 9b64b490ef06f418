// Functions and their code in memory.
import { newId } from '../../../packages/server/src/lifecycle/ids.ts';
import { isSameFunction, parseRef, recordOf } from '../../../packages/server/src/store/function-ref.ts';
import type { FunctionRecord, NewFunction } from '../../../packages/server/src/store/functions.ts';

export class MemoryFunctions {
  /** In order of registration. */
  #records: FunctionRecord[] = [];
  readonly #versions = new Map<string, number>();
  readonly #code = new Map<string, { bytes: Buffer; references: number; unnamedSince: number }>();

  register(fn: NewFunction, now: number): { fn: FunctionRecord; created: boolean } {
    const newest = fn.classic ? undefined : this.#newest(fn.name);
    if (newest !== undefined && isSameFunction(newest, fn)) return { fn: newest, created: false };
    const version = fn.classic ? 0 : (this.#versions.get(fn.name) ?? 0) + 1;
    if (!fn.classic) this.#versions.set(fn.name, version);
    const record = recordOf(fn, newId(now, 0), version, now);
    this.#records.push(record);
    const code = this.#code.get(fn.digest) ?? { bytes: fn.code, references: 0, unnamedSince: 0 };
    code.references += 1;
    this.#code.set(fn.digest, code);
    return { fn: record, created: true };
  }

  #newest(name: string): FunctionRecord | undefined {
    return this.#records.findLast((one) => one.name === name && one.version > 0);
  }

  find(text: string): FunctionRecord | undefined {
    const ref = parseRef(text);
    if (ref.by === 'name') return this.#newest(ref.name);
    return this.#records.find((one) =>
      ref.by === 'id' ? one.id === ref.id : one.name === ref.name && one.version === ref.version,
    );
  }

  /** The cursor is how many have been shown before the page's last one, from the oldest on. */
  list(limit: number, cursor: string): { items: FunctionRecord[]; nextCursor: string } {
    const end = cursor === '' ? this.#records.length : Number(cursor);
    const start = Math.max(0, end - limit);
    return { items: this.#records.slice(start, end).reverse(), nextCursor: start === 0 ? '' : String(start) };
  }

  delete(text: string, now: number): number {
    const ref = parseRef(text);
    const one = this.find(text);
    const goes = (record: FunctionRecord): boolean =>
      ref.by === 'name' ? record.name === ref.name && record.version > 0 : record === one;
    const gone = this.#records.filter(goes);
    this.#records = this.#records.filter((record) => !goes(record));
    for (const { digest } of gone) this.refer(digest, -1, now);
    return gone.length;
  }

  /** So many more functions or tasks name this code; when none has for a while, its bytes go. */
  refer(digest: string, by: number, now: number): void {
    const code = this.#code.get(digest);
    if (code === undefined) return;
    code.references += by;
    code.unnamedSince = now;
  }

  /** The bytes go of what nothing has named since `then`, Unix ms. */
  reap(then: number): void {
    for (const [digest, { references, unnamedSince }] of this.#code) {
      if (references <= 0 && unnamedSince <= then) this.#code.delete(digest);
    }
  }

  code(digest: string): Buffer | undefined {
    return this.#code.get(digest)?.bytes;
  }
}
