// What goes to a child: functions before their first call, calls, all of one turn in one write.
import type { Socket } from 'node:net';
import { encodeCall, encodeCode, encodeForget } from './frames.ts';
import type { Fn } from './functions.ts';
import type { HeldCall } from './held.ts';

/** Functions that a child keeps loaded; the one that was loaded first goes first. */
const MOST_LOADED = 256;
/** Up to here the parts of a write are joined; beyond, copying costs more than more parts. */
const JOINED_BYTES = 64 * 1024;

export class Outgoing {
  readonly #channel: Socket;
  readonly #loaded = new Set<number>();
  #parts: Buffer[] = [];

  constructor(channel: Socket) {
    this.#channel = channel;
  }

  /** Does the child have this function? */
  has(fn: Fn): boolean {
    return this.#loaded.has(fn.number);
  }

  /** Puts the function's code before what is put next. `inUse`: functions of calls that the child has not answered. */
  load(fn: Fn, code: Buffer, inUse: ReadonlySet<number>): void {
    this.#loaded.add(fn.number);
    if (this.#loaded.size > MOST_LOADED) {
      const oldest = [...this.#loaded].find((number) => number !== fn.number && !inUse.has(number));
      if (oldest !== undefined) {
        this.#loaded.delete(oldest);
        this.#parts.push(encodeForget(oldest));
      }
    }
    const { number, form, entry, name, python } = fn;
    this.#parts.push(...encodeCode({ function: number, form, entry, name, python, code }));
  }

  call(held: HeldCall, number: number, gated: boolean): void {
    const { spec, args } = held.call;
    const parts = encodeCall({
      number,
      function: held.fn.number,
      gated,
      argsJson: spec.args_as === 'json',
      // A pickle of a JavaScript value is made elsewhere, from its JSON.
      withJson: spec.result_as !== 'pickle' || spec.runtime === 'javascript',
      withPickle: spec.result_as !== 'json' && spec.runtime === 'python',
      maxResult: spec.max_result_bytes,
      memory: spec.memory_bytes,
      args,
    });
    this.#parts.push(...parts);
  }

  flush(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size <= JOINED_BYTES) {
      this.#channel.write(Buffer.concat(parts, size));
      return;
    }
    this.#channel.cork();
    for (const part of parts) this.#channel.write(part);
    this.#channel.uncork();
  }
}
