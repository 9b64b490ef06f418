// Where results go that outgrow a worker's memory: a folder of this process on its disk.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { makeDirectory } from '../directory.ts';
import { isAlive } from '../process-alive.ts';
import type { Ended } from './attempts.ts';
import type { Overflow } from './kept-results.ts';

const FOLDER = 'results-';
/** Node reads no larger file at once. */
const READABLE_BYTES = 2 ** 31 - 1;

export class DiskOverflow implements Overflow {
  readonly #directory: string;
  readonly #readableBytes: number;
  readonly #tokens = new Set<string>();
  #folder: string | undefined;

  /** `directory`: where a folder is made when it is needed. */
  constructor(directory: string, readableBytes = READABLE_BYTES) {
    this.#directory = directory;
    this.#readableBytes = readableBytes;
    makeDirectory(directory);
    this.#sweep();
  }

  put(token: string, ended: Ended): boolean {
    try {
      const bytes = serialize(ended);
      if (bytes.length > this.#readableBytes) return false;
      this.#folder ??= mkdtempSync(join(this.#directory, `${FOLDER}${process.pid}-`));
      writeFileSync(join(this.#folder, token), bytes, { mode: 0o600 });
    } catch {
      return false;
    }
    this.#tokens.add(token);
    return true;
  }

  get(token: string): Ended | undefined {
    if (!this.#tokens.has(token) || this.#folder === undefined) return undefined;
    // Its buffers come back as buffers, each a part of what was read.
    return deserialize(readFileSync(join(this.#folder, token))) as Ended;
  }

  forget(token: string): void {
    if (!this.#tokens.delete(token) || this.#folder === undefined) return;
    try {
      rmSync(join(this.#folder, token), { force: true });
    } catch {
      // A disk that fails: the folder goes as a whole, when this worker ends or another one starts.
    }
  }

  /** Removes what workers that are dead have left: nobody can bring those results any more. */
  #sweep(): void {
    for (const name of readdirSync(this.#directory)) {
      const pid = name.startsWith(FOLDER) ? Number.parseInt(name.slice(FOLDER.length), 10) : 0;
      if (pid > 0 && !isAlive(pid)) rmSync(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
