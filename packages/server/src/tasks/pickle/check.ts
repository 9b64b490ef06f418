// A static check of a pickle: is it whole, and might it be a callable? Nothing is loaded: the opcodes are walked and the
// kinds of the values on the stack are followed.
import { DUP, FRAME, GETS, MARK, MEMOIZE, OPCODES, POP, PROTO, PUTS, STOP } from './opcodes.ts';
import type { Argument, Kind } from './opcodes.ts';

export type PickleCheck =
  | { is: 'callable_perhaps' }
  /** Whole, and plainly no callable. */
  | { is: 'not_callable'; kind: string }
  /** `reason` completes "The pickle …". */
  | { is: 'malformed'; reason: string };

const HIGHEST_PROTOCOL = 5;
const NEWLINE = 0x0a;

/** Walks the opcodes up to STOP. What follows STOP is ignored, as Python does. */
export function checkPickle(bytes: Buffer): PickleCheck {
  try {
    const top = new Walk(bytes).run();
    return top === 'object' ? { is: 'callable_perhaps' } : { is: 'not_callable', kind: top };
  } catch (fault) {
    if (fault instanceof Malformed) return { is: 'malformed', reason: fault.message };
    throw fault;
  }
}

class Malformed extends Error {}

class Walk {
  readonly #bytes: Buffer;
  #at = 0;
  readonly #stack: Kind[] = [];
  /** Depth of the stack at each open mark. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, Kind>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(): Exclude<Kind, ''> {
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Malformed(this.#bytes.length === 0 ? 'is empty' : 'is cut off: it has no STOP');
      if (byte === STOP) return this.#top();
      this.#step(byte);
    }
  }

  #step(byte: number): void {
    const opcode = OPCODES[byte];
    if (opcode === undefined) {
      throw new Malformed(`has an unknown opcode 0x${byte.toString(16).padStart(2, '0')} at byte ${this.#at - 1}`);
    }
    const argument = this.#argument(opcode.argument);
    if (byte === MARK) this.#marks.push(this.#stack.length);
    else if (byte === POP) this.#pop();
    else if (byte === DUP) this.#stack.push(this.#top());
    else if (byte === PROTO) {
      if (argument > HIGHEST_PROTOCOL) throw new Malformed(`is of protocol ${argument}; up to 5 is known`);
    } else if (byte === FRAME) {
      if (argument > this.#bytes.length - this.#at) throw new Malformed('is cut off inside a frame');
    } else if (byte === MEMOIZE) this.#memo.set(this.#memo.size, this.#top());
    else if (PUTS.has(byte)) this.#memo.set(argument, this.#top());
    else if (GETS.has(byte)) this.#stack.push(this.#recall(argument));
    else {
      this.#take(opcode.takes);
      if (opcode.under > 0) this.#top();
      if (opcode.puts !== '') this.#stack.push(opcode.puts);
    }
  }

  /** Moves past an opcode's argument; answers its number where it has one. */
  #argument(argument: Argument): number {
    switch (argument.is) {
      case 'bytes':
        return this.#number(argument.count);
      case 'sized':
        this.#need(this.#number(argument.width));
        return 0;
      case 'lines': {
        let first = '';
        for (let i = 0; i < argument.count; i++) {
          const end = this.#bytes.indexOf(NEWLINE, this.#at);
          if (end === -1) throw new Malformed('is cut off inside a line');
          if (i === 0 && end - this.#at <= 20) first = this.#bytes.toString('latin1', this.#at, end);
          this.#at = end + 1;
        }
        return Number(first);
      }
    }
  }

  #number(width: number): number {
    const at = this.#at;
    this.#need(width);
    if (width === 0) return 0;
    return width <= 4 ? this.#bytes.readUIntLE(at, width) : Number(this.#bytes.readBigUInt64LE(at));
  }

  #need(count: number): void {
    if (count > this.#bytes.length - this.#at) throw new Malformed('is cut off inside a value');
    this.#at += count;
  }

  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): Exclude<Kind, ''> {
    const top = this.#stack.length > this.#floor() ? this.#stack.at(-1) : undefined;
    if (top === undefined || top === '') throw new Malformed('takes from an empty stack');
    return top;
  }

  /** POP takes a mark, where one is on top. */
  #pop(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop();
    else this.#take(1);
  }

  #take(takes: number | 'mark'): void {
    if (takes === 'mark') {
      const depth = this.#marks.pop();
      if (depth === undefined) throw new Malformed('misses a mark');
      this.#stack.length = depth;
      return;
    }
    if (this.#stack.length - takes < this.#floor()) throw new Malformed('takes from an empty stack');
    this.#stack.length -= takes;
  }

  #recall(index: number): Kind {
    const kind = this.#memo.get(index);
    if (kind === undefined) throw new Malformed(`reads memo ${index}, which was not written`);
    return kind;
  }
}
