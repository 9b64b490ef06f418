// A static check of a pickle: is it whole, and might it be a callable? Nothing is loaded: the opcodes are walked and the
// kinds of the values on the stack are followed.
import { ARGUMENT_COUNT, ARGUMENT_KIND, HANDLED, IS_BYTES, IS_SIZED } from './opcodes.ts';
import { DUP, FRAME, GET, MARK, MEMOIZE, POP, PROTO, PUT, STOP } from './opcodes.ts';
import { KINDS, PLAIN, PUTS_KIND, TAKES, TO_MARK, UNDER } from './opcodes.ts';
import type { Kind } from './opcodes.ts';

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

/** A byte each, so that the check of a pickle takes no more room than the pickle, whatever is in it. */
class Bytes {
  /** So few that V8 makes them among its own objects, at a tenth of the price: most pickles need no more. */
  #bytes = new Uint8Array(64);
  length = 0;

  get(index: number): number {
    return this.#bytes[index]!;
  }

  set(index: number, value: number): void {
    if (index >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(index + 1, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[index] = value;
  }

  push(value: number): void {
    this.set(this.length++, value);
  }
}

/** On the stack, beside the kinds (by their place in KINDS): an open mark. */
const OPEN_MARK = 255;
/** Lines of more bytes are searched by a call, shorter ones byte by byte. */
const SHORT_LINE = 32;

class Walk {
  readonly #bytes: Buffer;
  #at = 0;
  readonly #stack = new Bytes();
  /** By index, 0 = not written. No pickle needs a higher index than it has bytes; such ones stand aside. */
  readonly #memo = new Bytes();
  #farMemo: Map<number, number> | undefined;
  #memoized = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(): Exclude<Kind, ''> {
    const { length } = this.#bytes;
    while (this.#at < length) {
      const byte = this.#bytes[this.#at++]!;
      const plain = PLAIN[byte]!;
      if (plain !== 0) {
        // The most frequent by far: a value that is put there, behind an opcode and so many bytes.
        this.#need(ARGUMENT_COUNT[byte]!);
        this.#stack.push(plain);
      } else if (byte === STOP) return KINDS[this.#top()] as Exclude<Kind, ''>;
      else this.#step(byte);
    }
    throw new Malformed(length === 0 ? 'is empty' : 'is cut off: it has no STOP');
  }

  #step(byte: number): void {
    const argument = this.#argument(byte);
    switch (HANDLED[byte]) {
      case 0: {
        this.#take(TAKES[byte]!);
        if (UNDER[byte] !== 0) this.#top();
        const puts = PUTS_KIND[byte]!;
        if (puts !== 0) this.#stack.push(puts);
        return;
      }
      case MARK:
        this.#stack.push(OPEN_MARK);
        return;
      case POP:
        this.#pop();
        return;
      case DUP:
        this.#stack.push(this.#top());
        return;
      case PROTO:
        if (argument > HIGHEST_PROTOCOL) throw new Malformed(`is of protocol ${argument}; up to 5 is known`);
        return;
      case FRAME:
        if (argument > this.#bytes.length - this.#at) throw new Malformed('is cut off inside a frame');
        return;
      case MEMOIZE:
        this.#remember(this.#memoized);
        return;
      case PUT:
        this.#remember(argument);
        return;
      case GET:
        this.#stack.push(this.#recall(argument));
        return;
      default:
        throw new Malformed(`has an unknown opcode 0x${byte.toString(16).padStart(2, '0')} at byte ${this.#at - 1}`);
    }
  }

  /** Moves past an opcode's argument, however long; answers its number where it has one. */
  #argument(byte: number): number {
    const count = ARGUMENT_COUNT[byte]!;
    switch (ARGUMENT_KIND[byte]) {
      case IS_BYTES:
        return count === 0 ? 0 : this.#number(count);
      case IS_SIZED:
        this.#need(this.#number(count));
        return 0;
      default: {
        const first = this.#at;
        const end = this.#line();
        if (count === 2) this.#line();
        return end - first <= 20 && (HANDLED[byte] === PUT || HANDLED[byte] === GET)
          ? Number(this.#bytes.toString('latin1', first, end))
          : 0;
      }
    }
  }

  /** Moves behind a line; answers where its text ends. */
  #line(): number {
    let end = this.#at;
    while (end - this.#at < SHORT_LINE && end < this.#bytes.length && this.#bytes[end] !== NEWLINE) end++;
    if (this.#bytes[end] !== NEWLINE) end = this.#bytes.indexOf(NEWLINE, end);
    if (end === -1) throw new Malformed('is cut off inside a line');
    this.#at = end + 1;
    return end;
  }

  #number(width: number): number {
    const at = this.#at;
    this.#need(width);
    if (width === 1) return this.#bytes[at]!;
    if (width <= 4) return this.#bytes.readUIntLE(at, width);
    return this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * 2 ** 32;
  }

  #need(count: number): void {
    if (count > this.#bytes.length - this.#at) throw new Malformed('is cut off inside a value');
    this.#at += count;
  }

  #top(): number {
    const { length } = this.#stack;
    const top = length === 0 ? OPEN_MARK : this.#stack.get(length - 1);
    if (top === OPEN_MARK) throw new Malformed('takes from an empty stack');
    return top;
  }

  /** POP takes a mark, where one is on top. */
  #pop(): void {
    if (this.#stack.length > 0 && this.#stack.get(this.#stack.length - 1) === OPEN_MARK) this.#stack.length--;
    else this.#take(1);
  }

  #take(takes: number): void {
    if (takes === TO_MARK) {
      do {
        if (this.#stack.length === 0) throw new Malformed('misses a mark');
        this.#stack.length--;
      } while (this.#stack.get(this.#stack.length) !== OPEN_MARK);
      return;
    }
    for (let i = 0; i < takes; i++) {
      this.#top();
      this.#stack.length--;
    }
  }

  #remember(index: number): void {
    const kind = this.#top();
    if (this.#remembered(index) === 0) this.#memoized++;
    if (index < this.#bytes.length) {
      this.#memo.set(index, kind);
      this.#memo.length = Math.max(this.#memo.length, index + 1);
    } else (this.#farMemo ??= new Map()).set(index, kind);
  }

  #remembered(index: number): number {
    return index < this.#memo.length ? this.#memo.get(index) : (this.#farMemo?.get(index) ?? 0);
  }

  #recall(index: number): number {
    const kind = this.#remembered(index);
    if (kind === 0) throw new Malformed(`reads memo ${index}, which was not written`);
    return kind;
  }
}
