// The two sides of the worker link as the programs use them. ZeroMQ is behind them in worker-port.ts and
// dispatcher-socket.ts; a simulation has a network of its own.
import type { Clock } from '../clock.ts';
import type { DispatcherItem, Envelope, WorkerItem } from './messages.ts';

/** A connection as the socket names it. Never an identity: it is new after every reconnection. */
export type Peer = Buffer;

export interface WorkerPortOptions {
  host: string;
  /** 0 = any free one. */
  port: number;
  /** Shared worker key; '' = plain text, which the caller allows on loopback only. */
  workerKey: string;
  onMessage: (peer: Peer, envelope: Envelope<WorkerItem>, payloads: Buffer[]) => void;
  /** A message that was refused: one sentence. */
  onBad: (peer: Peer, sentence: string) => void;
  /** Handling a readable message failed, by a fault of ours. */
  onFault: (peer: Peer, fault: unknown) => void;
  /** A connection with the wrong key, or none, was turned away: one sentence, not more often than every 10 s. */
  onTurnedAway: (sentence: string) => void;
  clock: Clock;
}

export interface DispatcherSocketOptions {
  /** tcp://host:port */
  url: string;
  workerKey: string;
}

export interface Received {
  envelope: Envelope<DispatcherItem>;
  payloads: Buffer[];
}

/** The dispatcher's side: workers come and speak, each over connections that are named anew at every reconnection. */
export interface Port {
  /** `tcp://host:port` as bound. */
  readonly address: string;
  /** What cannot be routed is dropped in silence. */
  send(peer: Peer, envelope: Envelope<DispatcherItem>, payloads: Buffer[]): void;
  close(): Promise<void>;
}

/** Rejects with one sentence where the address cannot be had. */
export type OpenPort = (options: WorkerPortOptions) => Promise<Port>;

/** A push worker's side: both speak at any time. */
export interface FreeLine {
  /** Messages that wait here to be sent. */
  readonly backlog: number;
  drained(): Promise<void>;
  send(envelope: Envelope<WorkerItem>, payloads: Buffer[]): void;
  /** `lingerMs`: how long what was sent may still travel. */
  close(lingerMs: number): Promise<void>;
}

/** One of a pull worker's lanes: a request, an answer. */
export interface LockstepLine {
  /** Undefined = no answer in time, or none can come any more: repeat under the same sequence number. */
  exchange(envelope: Envelope<WorkerItem>, payloads: Buffer[], timeoutMs: number): Promise<Received | undefined>;
  /** Gives up the exchange under way, which answers undefined. */
  abandon(): void;
  close(): void;
}

/** How a worker reaches its dispatchers. */
export interface DispatcherLines {
  free(
    options: DispatcherSocketOptions,
    onMessage: (received: Received) => void,
    onBad: (sentence: string) => void,
  ): FreeLine;
  lockstep(options: DispatcherSocketOptions, onBad: (sentence: string) => void): LockstepLine;
}
