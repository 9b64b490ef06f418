// Large payloads, each in a file of its own beside the database: SQLite would write them page by page, to its log and again to
// its file, which takes ten times as long. A file whose payload is gone is written over by the next: that is the memory that
// the kernel has for it already, where a new file is new memory and an old one is to be cleared away.
//
//  F1  A file is written before the COMMIT that needs it, and free only after the COMMIT that does not need it any more.
//  F2  What a transaction has written is free again when it, or the act that wrote it, is undone.
//  F3  At a start, what no row names goes: its process died between the two.
//  F4  Each file says whose it is. With `--sync normal` a machine that loses its power may lose a COMMIT and keep what was
//      written over a file after it: such a payload is lost, and is not taken for another.
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, readdirSync, rmSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import { StoreUnavailable } from '../store.ts';

/** Whose file it is: the arguments of task number n, or a form of its result. */
export type Part = 'args' | 'json' | 'pickle';

export interface Owner {
  n: number;
  part: Part;
}

interface FreeFile {
  file: number;
  bytes: number;
  /** Monotonic ms. */
  since: number;
}

/** Free files are kept for the next payloads so long, ms. */
const FREE_MS = 10_000;
/** And so many bytes of them. */
const MOST_FREE_BYTES = 256 * 1024 * 1024;
/** Free files removed at a time. */
const TRIMMED_AT_ONCE = 64;
/** At the head of each file: the task's number and the part. */
const HEAD_BYTES = 16;

export class PayloadFiles {
  readonly #directory: string;
  readonly #isSynced: boolean;
  readonly #mono: () => number;
  /** By size, in powers of two, so that at most half of a file lies idle; the oldest first. */
  readonly #free = new Map<number, FreeFile[]>();
  #freeBytes = 0;
  #last = 0;
  /** Of the transaction that is open. */
  #written: { file: number; bytes: number }[] = [];
  /** It has made files. */
  #hasNew = false;

  /** `sync`: with 'full', a file is on the disk before the COMMIT that needs it. `mono`: monotonic ms. */
  constructor(dataDir: string, sync: 'normal' | 'full', mono: () => number) {
    this.#directory = join(dataDir, 'payloads');
    this.#isSynced = sync === 'full';
    this.#mono = mono;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Removes what is not in use (F3). Before anything is written. */
  reap(inUse: ReadonlySet<number>): void {
    for (const name of readdirSync(this.#directory)) {
      if (!/^\d+$/.test(name)) continue;
      const file = Number(name);
      if (inUse.has(file)) this.#last = Math.max(this.#last, file);
      else rmSync(this.#nameOf(file), { force: true });
    }
  }

  /** Writes a payload; answers its file, or undefined where there is no room, or none may be made. */
  write(owner: Owner, bytes: Buffer): number | undefined {
    for (;;) {
      const free = this.#take(bytes.length);
      const file = free ?? (this.#last += 1);
      try {
        this.#writeTo(file, free === undefined, owner, bytes);
        this.#written.push({ file, bytes: bytes.length });
        return file;
      } catch {
        rmSync(this.#nameOf(file), { force: true });
        if (free !== undefined) continue;
        // What is free may be what is missing.
        if (this.#freeBytes === 0) return undefined;
        this.#trim(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
      }
    }
  }

  #writeTo(file: number, isNew: boolean, owner: Owner, bytes: Buffer): void {
    const open = openSync(this.#nameOf(file), isNew ? 'wx' : 'r+', 0o600);
    try {
      this.#hasNew ||= isNew;
      const whole = HEAD_BYTES + bytes.length;
      let at = writevSync(open, [headOf(owner), bytes], 0);
      // A disk that is filling up takes a part; the next try says why.
      while (at < whole) at += writevSync(open, [bytes.subarray(at - HEAD_BYTES)], at);
      if (this.#isSynced) fsyncSync(open);
    } finally {
      closeSync(open);
    }
  }

  /** The payload. Undefined where it is not there any more (F4), or only a part of it. @throws StoreUnavailable */
  read(file: number, owner: Owner, bytes: number): Buffer | undefined {
    try {
      const open = openSync(this.#nameOf(file), 'r');
      try {
        const head = Buffer.alloc(HEAD_BYTES);
        readSync(open, head, 0, HEAD_BYTES, 0);
        if (!head.equals(headOf(owner))) return undefined;
        const payload = Buffer.allocUnsafeSlow(bytes);
        for (let at = 0; at < bytes;) {
          const read = readSync(open, payload, at, bytes - at, HEAD_BYTES + at);
          if (read === 0) return undefined;
          at += read;
        }
        return payload;
      } finally {
        closeSync(open);
      }
    } catch (fault) {
      const { code, message } = fault as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new StoreUnavailable(`A payload cannot be read from its file: ${message}`);
    }
  }

  /** Nobody names it any more, and that is committed. */
  free(file: number, bytes: number): void {
    if (this.#freeBytes + bytes > MOST_FREE_BYTES) return rmSync(this.#nameOf(file), { force: true });
    const size = sizeOf(bytes);
    const those = this.#free.get(size);
    const one = { file, bytes, since: this.#mono() };
    if (those === undefined) this.#free.set(size, [one]);
    else those.push(one);
    this.#freeBytes += bytes;
  }

  /** Removes some of what has been free for long. */
  trim(): void {
    this.#trim(this.#mono() - FREE_MS, TRIMMED_AT_ONCE);
  }

  #trim(before: number, most: number): void {
    let left = most;
    for (const those of this.#free.values()) {
      while (left > 0 && those.length > 0 && those[0]!.since <= before) {
        const { file, bytes } = those.shift()!;
        this.#freeBytes -= bytes;
        left -= 1;
        rmSync(this.#nameOf(file), { force: true });
      }
    }
  }

  #take(bytes: number): number | undefined {
    const free = this.#free.get(sizeOf(bytes))?.pop();
    if (free === undefined) return undefined;
    this.#freeBytes -= free.bytes;
    return free.file;
  }

  /** Before the COMMIT. */
  sync(): void {
    if (!this.#isSynced || !this.#hasNew) return;
    const directory = openSync(this.#directory, 'r');
    fsyncSync(directory);
    closeSync(directory);
  }

  /** So many files were written in this transaction. */
  get mark(): number {
    return this.#written.length;
  }

  /** What was written since then is undone; without a mark, all of the transaction. */
  undo(mark = 0): void {
    for (const { file, bytes } of this.#written.splice(mark)) this.free(file, bytes);
  }

  /** The transaction is over: what it wrote stays. */
  keep(): void {
    this.#written = [];
    this.#hasNew = false;
  }

  #nameOf(file: number): string {
    return join(this.#directory, String(file));
  }
}

function headOf({ n, part }: Owner): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeBigUInt64LE(BigInt(n));
  head.write(part, 8, 'latin1');
  return head;
}

function sizeOf(bytes: number): number {
  return 32 - Math.clz32(bytes);
}
