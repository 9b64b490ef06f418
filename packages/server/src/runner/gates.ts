// Gates: FIFOs that say which of a child's queued calls it may begin (rule R3 of the frames).
// A FIFO, because a byte in it is read once, by the busy child or by the pool, whoever is first: the kernel decides.
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './processes.ts';

const drained = Buffer.alloc(4 * 1024);

/** The pool's side of one gate. */
export class Gate {
  /** The child's side, blocking; closed here once the child has its copy. */
  readonly childFd: number;
  #fd: number;

  constructor(fd: number, childFd: number) {
    this.#fd = fd;
    this.childFd = childFd;
  }

  /** Lets the child begin these calls, once it reaches them. */
  allow(numbers: readonly number[]): void {
    const tokens = Buffer.allocUnsafe(4 * numbers.length);
    numbers.forEach((number, at) => tokens.writeUInt32LE(number, 4 * at));
    writeSync(this.#fd, tokens);
  }

  /** Takes back every call that the child has not begun; answers their numbers, in order. */
  drain(): number[] {
    if (this.#fd < 0) return [];
    let size: number;
    try {
      size = readSync(this.#fd, drained);
    } catch {
      return [];
    }
    const numbers: number[] = [];
    for (let at = 0; at + 4 <= size; at += 4) numbers.push(drained.readUInt32LE(at));
    return numbers;
  }

  closeChildSide(): void {
    closeSync(this.childFd);
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/**
 * Makes `count` gates. Their names exist for a moment, in a folder of ours alone that carries the mark: whoever is killed
 * in that moment leaves it behind. Throws where the system refuses.
 */
export async function makeGates(count: number, mark: string): Promise<Gate[]> {
  const folder = mkdtempSync(join(tmpdir(), `gates-${mark}-`));
  const gates: Gate[] = [];
  try {
    const paths = Array.from({ length: count }, (_, index) => join(folder, String(index)));
    await run('mkfifo', ['-m', '600', ...paths]);
    for (const path of paths) {
      // Read and write in one: it opens without a partner and never blocks. The child's end is a description of its own.
      const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      gates.push(new Gate(fd, openSync(path, constants.O_RDONLY)));
    }
    return gates;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Removes the folders that a dead owner of `mark` left, also under a mark that begins with `mark` and a dot. */
export function removeGates(mark: string): void {
  const ours = readdirSync(tmpdir()).filter((name) =>
    [`gates-${mark}-`, `gates-${mark}.`].some((own) => name.startsWith(own)),
  );
  for (const name of ours) rmSync(join(tmpdir(), name), { recursive: true, force: true });
}
