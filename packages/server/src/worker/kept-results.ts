// Results that no dispatcher has settled yet: in memory up to a bound, beyond it on this worker's disk.
// A worker that outlives its dispatcher brings them to the next one.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { makeDirectory } from '../directory.ts';
import { isAlive } from '../process-alive.ts';
import type { Ended } from './attempts.ts';

const FOLDER = 'results-';
/** Bytes kept in memory. */
const MEMORY_BYTES = 256 * 1024 * 1024;

export class KeptResults {
  readonly #directory: string;
  readonly #memoryBytes: number;
  readonly #inMemory = new Map<string, { ended: Ended; bytes: number }>();
  readonly #onDisk = new Set<string>();
  #bytes = 0;
  #folder: string | undefined;

  /** `directory`: where a folder for the overflow is made when it is needed. */
  constructor(directory: string, memoryBytes = MEMORY_BYTES) {
    this.#directory = directory;
    this.#memoryBytes = memoryBytes;
    makeDirectory(directory);
    this.#sweep();
  }

  keep(token: string, ended: Ended): void {
    const bytes = sizeOf(ended);
    if (this.#bytes + bytes > this.#memoryBytes && this.#write(token, ended)) return;
    this.#inMemory.set(token, { ended, bytes });
    this.#bytes += bytes;
  }

  /** False where the disk refuses (full, read-only): then memory has to hold it, for a result is never given up. */
  #write(token: string, ended: Ended): boolean {
    try {
      this.#folder ??= mkdtempSync(join(this.#directory, `${FOLDER}${process.pid}-`));
      writeFileSync(join(this.#folder, token), serialize(ended), { mode: 0o600 });
    } catch {
      return false;
    }
    this.#onDisk.add(token);
    return true;
  }

  get(token: string): Ended | undefined {
    const kept = this.#inMemory.get(token);
    if (kept !== undefined) return kept.ended;
    if (!this.#onDisk.has(token) || this.#folder === undefined) return undefined;
    return revive(deserialize(readFileSync(join(this.#folder, token))) as Ended);
  }

  forget(token: string): void {
    const kept = this.#inMemory.get(token);
    if (kept !== undefined) {
      this.#inMemory.delete(token);
      this.#bytes -= kept.bytes;
    }
    if (this.#onDisk.delete(token) && this.#folder !== undefined) rmSync(join(this.#folder, token), { force: true });
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

/** Bytes of the payloads in an ending; the rest is small. */
function sizeOf({ outcome, logs }: Ended): number {
  let bytes = 512;
  if (outcome.is === 'completed') bytes += (outcome.result.json?.length ?? 0) + (outcome.result.pickle?.length ?? 0);
  if (outcome.is === 'failed') bytes += outcome.pickle?.length ?? 0;
  if (logs !== null) for (const { head, tail } of Object.values(logs)) bytes += head.length + tail.length;
  return bytes;
}

/** Buffers come back from v8's format as plain byte arrays. */
function revive(ended: Ended): Ended {
  const { outcome, logs } = ended;
  if (outcome.is === 'completed') {
    for (const form of ['json', 'pickle'] as const) {
      const bytes = outcome.result[form];
      if (bytes !== undefined) outcome.result[form] = Buffer.from(bytes);
    }
  }
  if (outcome.is === 'failed' && outcome.pickle !== undefined) outcome.pickle = Buffer.from(outcome.pickle);
  if (logs !== null) {
    for (const stream of Object.values(logs)) {
      stream.head = Buffer.from(stream.head);
      stream.tail = Buffer.from(stream.tail);
    }
  }
  return ended;
}
