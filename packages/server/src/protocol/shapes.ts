// The shape of every item, checked before anything reads it: a peer's mistake is refused in one place. Types, ranges and
// words are all checked here; what is past this file may be stored, counted with and shown.
import { LOG_STREAMS, RUNTIMES } from '@mpcsfaas/contract/words';
import { ATTEMPT_KINDS, RELEASE_REASONS } from '../lifecycle/outcome.ts';
import {
  blobs,
  bytesHere,
  checkFields,
  count,
  facts,
  flag,
  listOf,
  mapOf,
  oneOf,
  optional,
  outputPlace,
  payload,
  shortText,
  text,
  texts,
  time,
  whole,
  type Shape,
} from './fields.ts';
import { ENDED_AS, MAX_SLOTS, PARTS_OF, type EndedItem, type Item } from './messages.ts';

const name = shortText(256);
/** The stores' room for an attempt's number. */
const attempt = whole(0, 2 ** 32 - 1);

const RUNTIME: Shape = {
  runtime: oneOf(RUNTIMES),
  version: name,
  broken: text,
  pickles: optional(text),
  pickles_soon: optional(flag),
  dill: optional(name),
};
const runtimes = listOf('runtimes', () => RUNTIME);
const HELD: Shape = { t: text, id: text, a: attempt, at: time, done: optional(flag) };
const held = listOf('held', () => HELD);

const error = mapOf('error', {
  type: text,
  message: text,
  traceback: text,
  bases: optional(texts),
  details: optional(facts),
});
const stream = mapOf('logs', { head: bytesHere, tail: bytesHere, total: outputPlace }, ({ head, tail, total }) => {
  const kept = (head as [number, number, number])[2] + (tail as [number, number, number])[2];
  return kept <= (total as number) ? '' : 'keeps more than its total';
});
const END: Shape = {
  t: text,
  id: text,
  a: attempt,
  at: time,
  is: oneOf(ENDED_AS),
  logs: optional(mapOf('logs', Object.fromEntries(LOG_STREAMS.map((one) => [one, stream])))),
};
const ENDS = {
  completed: { ...END, json: optional(payload), pickle: optional(payload) },
  failed: { ...END, kind: oneOf(ATTEMPT_KINDS), error, pickle: optional(payload) },
  lost: { ...END, error },
  released: { ...END, reason: oneOf(RELEASE_REASONS) },
} satisfies Record<EndedItem['is'], Shape>;
/** By what `is` says, which may be anything. */
const END_SHAPES = new Map<unknown, Shape>(Object.entries(ENDS));

const TOKENS: Shape = { tokens: texts };
const TASK: Shape = { t: text, id: text, a: attempt, h: count, args: payload, within: optional(count) };

const SHAPES: Record<Item['k'], Shape> = {
  register: {
    mode: oneOf(['pull', 'push']),
    host: name,
    pid: count,
    version: name,
    slots: whole(1, MAX_SLOTS),
    runtimes,
    labels: texts,
    held,
    beats: optional(flag),
  },
  heartbeat: { held, got: count, free: count, running: count, waiting: count, runtimes, draining: flag },
  credits: { credits: count, free: count, got: count, part_bytes: count, ask: flag },
  ended: { ends: listOf('ends', ({ is }) => END_SHAPES.get(is) ?? END) },
  printed: { t: text, stream: oneOf(LOG_STREAMS), offset: outputPlace, bytes: bytesHere },
  need_code: { digests: texts },
  part: { t: text, of: oneOf(PARTS_OF), offset: count, total: count, bytes: bytesHere },
  goodbye: {},
  welcome: { session: text, dispatcher: text },
  tasks: {
    number: count,
    headers: blobs,
    tasks: listOf('tasks', () => TASK),
  },
  code: { digest: text, bytes: bytesHere },
  no_code: { digest: text, gone: flag, message: text },
  settled: TOKENS,
  resend: TOKENS,
  drop: TOKENS,
  recall: TOKENS,
  register_again: {},
  refused: { message: text },
};

/**
 * `frames`: the payload frames that came with it, which its references must lie within.
 * @throws BadMessage naming the first field that is missing or may not hold what it holds.
 */
export function checkItem(item: Item, frames: readonly Uint8Array[]): void {
  checkFields(item as unknown as Record<string, unknown>, SHAPES[item.k], item.k, frames);
}
