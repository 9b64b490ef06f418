// The worker protocol's vocabulary: a closed, versioned set of message kinds, each way. docs/protocol.md says it in words.
//
// A ZeroMQ message is an envelope: one msgpack map (the header with its list of items), then raw payload frames.
// Payloads stand in frames of their own and are named by reference, so that no byte of them is packed or escaped.
import type { ErrorInfo, Failed, ReleaseReason } from '../lifecycle/outcome.ts';
import type { LogStream } from '@mpcsfaas/contract';
import type { RuntimeSnapshot } from '../lifecycle/runtime.ts';

export const PROTOCOL_VERSION = 1;

/** Heartbeats leave every second; three seconds of silence are a loss. */
export const HEARTBEAT_MS = 1_000;
export const LOST_AFTER_MS = 3_000;
/** What was sent and not named by the worker within this time has not arrived. */
export const UNDELIVERED_AFTER_MS = 2_000;
/** The dispatcher answers a parked request within this time, empty if need be. */
export const PARK_MS = 10_000;
/** How long a worker waits for the answer to a parked request, and to any other. */
export const ASK_TIMEOUT_MS = 15_000;
export const ANSWER_TIMEOUT_MS = 2_000;

/** Payloads up to here share one frame; up to PART_BYTES they have a frame of their own; beyond, they come in parts. */
export const SHARED_FRAME_BYTES = 16 * 1024;
export const PART_BYTES = 1024 * 1024;
/** No frame is larger, either way; ZeroMQ refuses a larger one before it allocates it. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** No payload is larger. What a task's may measure is the service's to say, and stands in its header. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 ** 3;
/** Attempts that a worker holds, at most: all of them, at 86 bytes each, fit one message beside whatever else it says. */
export const MAX_HELD = 16_384;
/** The whole of a message from a peer that is not registered: it names all that it holds. */
export const MAX_UNREGISTERED_BYTES = 2 * 1024 * 1024;
/** Calls at a time that a worker may say it runs: beyond, it is a mistake. */
export const MAX_SLOTS = 65_536;
/** Part bytes that may be under way to a push worker without its word that it got them. */
export const PART_WINDOW_BYTES = 8 * 1024 * 1024;

/** A payload in this envelope: [frame, offset, length]; or `{parts: total}`: it follows in `part` items. */
export type PayloadRef = [frame: number, offset: number, length: number] | { parts: number };

/** One token that a worker holds. `at`: Unix ms at which the user's code began; 0 = waiting; `done`: its result is kept here. */
export interface HeldToken {
  t: string;
  id: string;
  a: number;
  at: number;
  done?: boolean;
}

export interface StreamRef {
  head: PayloadRef;
  tail: PayloadRef;
  total: number;
}

/** How one attempt ended. Payloads by reference; one of no bytes is none. */
export type EndedItem = {
  t: string;
  id: string;
  a: number;
  /** Unix ms, 0 = not started. */
  at: number;
  logs?: Record<LogStream, StreamRef>;
} & (
  | { is: 'completed'; json?: PayloadRef; pickle?: PayloadRef }
  | { is: 'failed'; kind: Failed['kind']; error: ErrorInfo; pickle?: PayloadRef }
  | { is: 'lost'; error: ErrorInfo }
  | { is: 'released'; reason: ReleaseReason }
);

export const ENDED_AS = ['completed', 'failed', 'lost', 'released'] as const satisfies readonly EndedItem['is'][];

export interface TaskItem {
  t: string;
  id: string;
  a: number;
  /** Which of the delivery's headers is its own. */
  h: number;
  args: PayloadRef;
  /** How long it may still wait for its start, ms from its arrival; without it, for ever. */
  within?: number;
}

/** Which payload a part belongs to. */
export const PARTS_OF = ['args', 'json', 'pickle', 'code'] as const;
export type PartOf = (typeof PARTS_OF)[number];

export interface PartItem {
  k: 'part';
  /** Token, or the digest where `of` is code. */
  t: string;
  of: PartOf;
  offset: number;
  total: number;
  bytes: PayloadRef;
}

export type WorkerItem =
  | {
      k: 'register';
      mode: 'pull' | 'push';
      host: string;
      pid: number;
      version: string;
      slots: number;
      runtimes: RuntimeSnapshot[];
      labels: string[];
      held: HeldToken[];
      /** Heartbeats come every second, beside a parked request too: its silence counts from now on. */
      beats?: boolean;
    }
  | {
      k: 'heartbeat';
      held: HeldToken[];
      /** Number of the last `tasks` item received. */
      got: number;
      free: number;
      running: number;
      waiting: number;
      runtimes: RuntimeSnapshot[];
      draining: boolean;
    }
  /**
   * What I may be sent: totals as of delivery `got`, not increments. `part_bytes`: part bytes received in this session.
   * `ask` (pull only): answer this request with work, and keep it parked until there is some.
   */
  | { k: 'credits'; credits: number; free: number; got: number; part_bytes: number; ask: boolean }
  | { k: 'ended'; ends: EndedItem[] }
  | { k: 'printed'; t: string; stream: LogStream; offset: number; bytes: PayloadRef }
  | { k: 'need_code'; digests: string[] }
  | PartItem
  | { k: 'goodbye' };

export type DispatcherItem =
  | { k: 'welcome'; session: string; dispatcher: string }
  /** `number`: this session's count of deliveries; `headers`: packed ones (lifecycle/spec.ts), each once. */
  | { k: 'tasks'; number: number; headers: Uint8Array[]; tasks: TaskItem[] }
  | { k: 'code'; digest: string; bytes: PayloadRef }
  | { k: 'no_code'; digest: string; gone: boolean; message: string }
  | PartItem
  /** These results are in the store (or nobody wants them any more): forget them. */
  | { k: 'settled'; tokens: string[] }
  /** Send these results again. */
  | { k: 'resend'; tokens: string[] }
  /** Not yours (any more): drop them, kill them if they run, say nothing more of them. */
  | { k: 'drop'; tokens: string[] }
  /** Give these back if they have not started. */
  | { k: 'recall'; tokens: string[] }
  | { k: 'register_again' }
  /** The peer did something that cannot be served; one sentence. */
  | { k: 'refused'; message: string }
  /** The dispatcher goes away: send nothing new here. */
  | { k: 'goodbye' };

export type Item = WorkerItem | DispatcherItem;

export interface Envelope<I extends Item> {
  /** Worker id: chosen by the worker, stable over reconnections; identity is never the routing id. */
  worker: string;
  /** The sender's incarnation: 16 hex digits drawn when its process started. */
  incarnation: string;
  /** The sender's count of messages to this peer. */
  seq: number;
  /** Session token from `welcome`; '' before. */
  session: string;
  items: I[];
}

const WORKER_KINDS = ['register', 'heartbeat', 'credits', 'ended', 'printed', 'need_code', 'part', 'goodbye'] as const;
const DISPATCHER_KINDS = [
  'welcome',
  'tasks',
  'code',
  'no_code',
  'part',
  'settled',
  'resend',
  'drop',
  'recall',
  'register_again',
  'refused',
  'goodbye',
] as const;

/** Which kinds each direction knows: anything else is refused with one log line. */
export const KINDS = {
  worker: new Set<string>(WORKER_KINDS satisfies readonly WorkerItem['k'][]),
  dispatcher: new Set<string>(DISPATCHER_KINDS satisfies readonly DispatcherItem['k'][]),
};
