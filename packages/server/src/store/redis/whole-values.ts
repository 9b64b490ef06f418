// Large values that a server sends are put together here, each in memory of its size: the client library joins the pieces in
// which one came as well, but leaves those for V8 to collect.
import type { Duplex } from 'node:stream';
import { spend } from '../../spent.ts';

/** A value from here on comes in pieces of the socket's. */
const LARGE_BYTES = 32 * 1024;
const LF = 0x0a;
const CRLF_BYTES = 2;

/** Where in the stream of replies (RESP2) the next byte stands. */
type Place =
  /** In a reply's first line, of which this much came before. */
  | { is: 'line'; begun: string }
  /** In a value, of which so many bytes are to come, its line end included. */
  | { is: 'value'; rest: number }
  /** In a large one, as far as it is filled. */
  | { is: 'large'; whole: Buffer; filled: number }
  /** Behind a reply that is made of others, which nothing here knows: all is passed on. */
  | { is: 'unknown' };

/** Lets the client that reads from `stream` have each large value in one piece. For a client that has just connected. */
export function readWhole(stream: Duplex): void {
  const [read] = stream.listeners('data') as ((chunk: Buffer) => void)[];
  if (read === undefined) return;
  const values = new WholeValues();
  stream.removeListener('data', read);
  stream.prependListener('data', (chunk: Buffer) => {
    for (const piece of values.push(chunk)) read(piece);
  });
}

export class WholeValues {
  #place: Place = { is: 'line', begun: '' };

  /** What can be read now: the bytes as they came, and no large value in parts. */
  *push(chunk: Buffer): Generator<Buffer> {
    let from = 0;
    let at = 0;
    let isPassedOn = false;
    while (at < chunk.length) {
      const place = this.#place;
      if (place.is === 'unknown') break;
      if (place.is === 'large') {
        const copied = chunk.copy(place.whole, place.filled, at);
        at += copied;
        from = at;
        place.filled += copied;
        if (place.filled < place.whole.length) break;
        this.#place = { is: 'line', begun: '' };
        yield place.whole;
      } else if (place.is === 'value') {
        const passed = Math.min(place.rest, chunk.length - at);
        at += passed;
        place.rest -= passed;
        if (place.rest === 0) this.#place = { is: 'line', begun: '' };
      } else {
        const end = chunk.indexOf(LF, at) + 1;
        const line = place.begun + chunk.toString('latin1', at, end === 0 ? chunk.length : end);
        at = end === 0 ? chunk.length : end;
        this.#place = end === 0 ? { is: 'line', begun: line } : behind(line);
        if (this.#place.is === 'value' && this.#place.rest >= LARGE_BYTES && this.#place.rest > chunk.length - at) {
          // The line has been passed on where it began in an earlier chunk.
          const whole = Buffer.allocUnsafeSlow(this.#place.rest);
          yield chunk.subarray(from, at);
          from = at;
          isPassedOn = true;
          this.#place = { is: 'large', whole, filled: 0 };
        }
      }
    }
    if (from === 0) yield chunk;
    else if (from < chunk.length) yield chunk.subarray(from);
    else if (!isPassedOn) spend(chunk);
  }
}

function behind(line: string): Place {
  if (line.startsWith('$')) {
    const length = Number(line.slice(1));
    return length < 0 ? { is: 'line', begun: '' } : { is: 'value', rest: length + CRLF_BYTES };
  }
  return /^[+:-]/.test(line) ? { is: 'line', begun: '' } : { is: 'unknown' };
}
