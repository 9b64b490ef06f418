// Large payloads, each in a file of its own beside the database: SQLite would write them page by page, to its log and again to
// its file, which takes ten times as long. A file whose payload is gone is written over by the next: that is the memory that
// the kernel has for it already, where a new file is new memory and an old one is to be cleared away.
//
//  F1  A file is written before the COMMIT that needs it, and free only after the COMMIT that does not need it any more.
//  F2  What a transaction has written is free again when it, or the act that wrote it, is undone.
//  F3  At a start, what no row names goes: its process died between the two.
//  F4  A checksum tells a payload from all others. With `--sync normal` a machine that loses its power may lose a COMMIT and keep
//      what was written over a file after it, or some pages of that: such a payload is lost, and is not taken for another.
//  F5  No fault here is more than a payload that is not written, or not read.
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StoreUnavailable } from '../store.ts';

/** The arguments of a task, or a form of its result. */
export type Part = 'args' | 'json' | 'pickle';

/** Whose payload it is: that of the task of this number. */
export interface Owner {
  n: number;
  part: Part;
}

/** A payload in its file. */
export interface Filed {
  file: number;
  bytes: number;
  checksum: number;
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
/** Too many files are open, or there is no memory, or somebody took our rights away: it can be read later. */
const FOR_A_WHILE = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EACCES', 'EPERM']);

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

  /**
   * `sync`: with 'full', a file is on the disk before the COMMIT that needs it. `mono`: monotonic ms.
   * @throws Error with one sentence where there can be no such directory
   */
  constructor(dataDir: string, sync: 'normal' | 'full', mono: () => number) {
    this.#directory = join(dataDir, 'payloads');
    this.#isSynced = sync === 'full';
    this.#mono = mono;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    } catch (fault) {
      const reason = (fault as Error).message;
      throw new Error(
        `The directory ${this.#directory} cannot be made (${reason}): put it right, or name another directory with --data-dir.`,
        { cause: fault },
      );
    }
  }

  /** Removes what is not in use (F3). Before anything is written. */
  reap(inUse: ReadonlySet<number>): void {
    // A row whose file is gone has its number still.
    for (const file of inUse) this.#last = Math.max(this.#last, file);
    for (const name of readdirSync(this.#directory)) {
      if (!/^\d+$/.test(name)) continue;
      const file = Number(name);
      if (!inUse.has(file)) this.#remove(file);
    }
  }

  /** Writes a payload. Undefined where there is no room, or no file may be made. */
  write(owner: Owner, bytes: Buffer): Filed | undefined {
    for (;;) {
      const free = this.#take(bytes.length);
      const file = free ?? (this.#last += 1);
      try {
        this.#writeTo(file, free === undefined, bytes);
        this.#written.push({ file, bytes: bytes.length });
        return { file, bytes: bytes.length, checksum: checksumOf(owner, bytes) };
      } catch {
        this.#remove(file);
        if (free !== undefined) continue;
        // What is free may be what is missing.
        if (!this.giveRoom()) return undefined;
      }
    }
  }

  #writeTo(file: number, isNew: boolean, bytes: Buffer): void {
    const open = openSync(this.#nameOf(file), isNew ? 'wx' : 'r+', 0o600);
    try {
      this.#hasNew ||= isNew;
      // A disk that is filling up takes a part; the next try says why.
      for (let at = 0; at < bytes.length;) at += writeSync(open, bytes, at, bytes.length - at, at);
      if (this.#isSynced) fsyncSync(open);
    } finally {
      closeSync(open);
    }
  }

  /** The payload. Undefined where it is not there any more (F4), or is not to be had. @throws StoreUnavailable: later it may be */
  read({ file, bytes, checksum }: Filed, owner: Owner): Buffer | undefined {
    try {
      const payload = this.#readFrom(file, bytes);
      return payload !== undefined && checksumOf(owner, payload) === checksum ? payload : undefined;
    } catch (fault) {
      const { code = '', message } = fault as NodeJS.ErrnoException;
      if (!FOR_A_WHILE.has(code)) return undefined;
      throw new StoreUnavailable(`A payload cannot be read from its file: ${message}`);
    }
  }

  #readFrom(file: number, bytes: number): Buffer | undefined {
    const open = openSync(this.#nameOf(file), 'r');
    try {
      const payload = Buffer.allocUnsafeSlow(bytes);
      for (let at = 0; at < bytes;) {
        const read = readSync(open, payload, at, bytes - at, at);
        if (read === 0) return undefined;
        at += read;
      }
      return payload;
    } finally {
      closeSync(open);
    }
  }

  /** Nobody names it any more, and that is committed. */
  free(file: number, bytes: number): void {
    if (this.#freeBytes + bytes > MOST_FREE_BYTES) return this.#remove(file);
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

  /** Removes all that is free. False where nothing was. */
  giveRoom(): boolean {
    if (this.#freeBytes === 0) return false;
    this.#trim(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    return true;
  }

  #trim(before: number, most: number): void {
    let left = most;
    for (const those of this.#free.values()) {
      while (left > 0 && those.length > 0 && those[0]!.since <= before) {
        const { file, bytes } = those.shift()!;
        this.#freeBytes -= bytes;
        left -= 1;
        this.#remove(file);
      }
    }
  }

  #take(bytes: number): number | undefined {
    const free = this.#free.get(sizeOf(bytes))?.pop();
    if (free === undefined) return undefined;
    this.#freeBytes -= free.bytes;
    return free.file;
  }

  /** Before the COMMIT. @throws StoreUnavailable */
  sync(): void {
    if (!this.#isSynced || !this.#hasNew) return;
    try {
      const directory = openSync(this.#directory, 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    } catch (fault) {
      throw new StoreUnavailable(
        `The directory of payloads cannot be written to the disk: ${(fault as Error).message}`,
      );
    }
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

  /** What cannot be removed now is removed at the next start. */
  #remove(file: number): void {
    try {
      rmSync(this.#nameOf(file), { force: true });
    } catch {
      // Its number is used no more: nobody is the worse for it.
    }
  }

  #nameOf(file: number): string {
    return join(this.#directory, String(file));
  }
}

function checksumOf({ n, part }: Owner, bytes: Buffer): number {
  return crc32(bytes, crc32(`${n} ${part}`));
}

function sizeOf(bytes: number): number {
  return 32 - Math.clz32(bytes);
}
