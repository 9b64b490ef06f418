// What waits to be told to one dispatcher, in order, and how much of it fits the next message. Results wait as names: each
// is read when its turn has come, for together they may be more than memory holds.
import {
  PART_BYTES,
  PayloadWriter,
  cutParts,
  type EndedItem,
  type PartOf,
  type PayloadRef,
  type StreamRef,
  type WorkerItem,
} from '../protocol/index.ts';
import type { LogStream } from '@mpcsfaas/contract';
import type { LogChunk, StreamLog, TaskLogs } from '../lifecycle/outcome.ts';
import type { Attempt, Ended } from './attempts.ts';

export interface Message {
  items: WorkerItem[];
  payloads: Buffer[];
}

type Entry = { is: 'ended'; attempt: Attempt; at: number } | { is: 'printed'; token: string; chunk: LogChunk };

/** The result whose turn it is, and those parts of it that have not been said. */
interface Cut {
  ended: Ended;
  parts: Iterator<Part, void>;
}

interface Part {
  of: PartOf;
  offset: number;
  total: number;
  chunk: Buffer;
}

/** A message is closed when it holds so many of these, or so many bytes of payloads and of what its header says of ends. */
const FULL_ITEMS = 1024;
const FULL_BYTES = PART_BYTES;

export class Outgoing {
  readonly #resultOf: (token: string) => Ended;
  #queue: Entry[] = [];
  /** Attempts whose ends are in the queue. */
  readonly #ending = new Set<string>();
  /** Of the first in the queue, once its turn has come. */
  #cut: Cut | undefined;
  #digests: string[] = [];

  /** `resultOf`: reads what an attempt that has ended came to. */
  constructor(resultOf: (token: string) => Ended) {
    this.#resultOf = resultOf;
  }

  /**
   * The result of an attempt; payloads too large for one frame go before it, in parts. One that is on its way goes once,
   * however often it is asked for: its dispatcher asks at every heartbeat until it has come.
   */
  ended(attempt: Attempt, at: number): void {
    if (this.#ending.has(attempt.token)) return;
    this.#ending.add(attempt.token);
    this.#queue.push({ is: 'ended', attempt, at });
  }

  printed(token: string, chunk: LogChunk): void {
    this.#queue.push({ is: 'printed', token, chunk });
  }

  needCode(digest: string): void {
    if (!this.#digests.includes(digest)) this.#digests.push(digest);
  }

  /** Nothing more is said of these attempts. */
  forget(tokens: ReadonlySet<string>): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    if (tokens.has(tokenOf(first))) this.#cut = undefined;
    this.#queue = this.#queue.filter((entry) => !tokens.has(tokenOf(entry)));
    for (const token of tokens) this.#ending.delete(token);
  }

  /** A new session: everything is said anew, by the attempts' owner. */
  clear(): void {
    this.#queue = [];
    this.#ending.clear();
    this.#cut = undefined;
    this.#digests = [];
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#digests.length === 0;
  }

  /** The next message's items and payloads; `first` items go before. */
  take(first: WorkerItem[] = []): Message {
    const items = first;
    const writer = new PayloadWriter();
    if (this.#digests.length > 0) {
      items.push({ k: 'need_code', digests: this.#digests.splice(0, FULL_ITEMS) });
    }
    const ends: EndedItem[] = [];
    let taken = 0;
    let said = 0;
    let told = 0;
    while (taken < this.#queue.length && said < FULL_ITEMS && writer.bytes + told < FULL_BYTES) {
      const entry = this.#queue[taken]!;
      said += 1;
      if (entry.is === 'printed') {
        const { stream, offset, bytes } = entry.chunk;
        items.push({ k: 'printed', t: entry.token, stream, offset, bytes: writer.add(bytes) });
        taken += 1;
        continue;
      }
      const { attempt, at } = entry;
      const { ended, parts } = (this.#cut ??= this.#begin(attempt.token));
      const part = parts.next();
      if (part.done !== true) {
        const { of, offset, total, chunk } = part.value;
        items.push({ k: 'part', t: attempt.token, of, offset, total, bytes: writer.add(chunk) });
        continue;
      }
      ends.push(endedItem(attempt, at, ended, writer));
      told += errorBytes(ended);
      this.#cut = undefined;
      this.#ending.delete(attempt.token);
      taken += 1;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    // Behind the parts of this message: an end refers to parts that came before it.
    if (ends.length > 0) items.push({ k: 'ended', ends });
    return { items, payloads: writer.frames() };
  }

  #begin(token: string): Cut {
    const ended = this.#resultOf(token);
    return { ended, parts: partsOf(ended) };
  }
}

function tokenOf(entry: Entry): string {
  return entry.is === 'ended' ? entry.attempt.token : entry.token;
}

function* partsOf(ended: Ended): Generator<Part, void> {
  for (const [of, bytes] of largePayloads(ended)) {
    for (const { offset, chunk } of cutParts(bytes)) yield { of, offset, total: bytes.length, chunk };
  }
}

function largePayloads({ outcome }: Ended): [PartOf, Buffer][] {
  const large: [PartOf, Buffer][] = [];
  const consider = (of: PartOf, bytes: Buffer | undefined): void => {
    if (bytes !== undefined && bytes.length > PART_BYTES) large.push([of, bytes]);
  };
  if (outcome.is === 'completed') {
    consider('json', outcome.result.json);
    consider('pickle', outcome.result.pickle);
  } else if (outcome.is === 'failed') consider('pickle', outcome.pickle);
  return large;
}

/** What an end's error takes of the header, bytes; the rest of an end is small. */
function errorBytes({ outcome }: Ended): number {
  if (outcome.is !== 'failed' && outcome.is !== 'lost') return 0;
  const { type, message, traceback, bases = [] } = outcome.error;
  return [type, message, traceback, ...bases].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function endedItem(
  { token, id, attempt }: Attempt,
  at: number,
  { outcome, logs }: Ended,
  writer: PayloadWriter,
): EndedItem {
  const of = { t: token, id, a: attempt, at, ...(logs !== null && { logs: logsBy(logs, writer) }) };
  const add = (bytes: Buffer): PayloadRef => writer.addOrParts(bytes);
  switch (outcome.is) {
    case 'completed': {
      const { json, pickle } = outcome.result;
      return { ...of, is: 'completed', ...(json && { json: add(json) }), ...(pickle && { pickle: add(pickle) }) };
    }
    case 'failed': {
      const { kind, error, pickle } = outcome;
      return { ...of, is: 'failed', kind, error, ...(pickle && { pickle: add(pickle) }) };
    }
    case 'lost':
      return { ...of, is: 'lost', error: outcome.error };
    case 'released':
      return { ...of, is: 'released', reason: outcome.reason };
  }
}

function logsBy(logs: TaskLogs, writer: PayloadWriter): Record<LogStream, StreamRef> {
  const stream = ({ head, tail, total }: StreamLog): StreamRef => ({
    head: writer.add(head),
    tail: writer.add(tail),
    total,
  });
  return { stdout: stream(logs.stdout), stderr: stream(logs.stderr) };
}
