// A child process that can run calls, whatever its language: what a runner is built on.
import type { Socket } from 'node:net';
import type { Runtime } from '@mpcsfaas/contract';
import type { Gate } from './gates.ts';

/** How a child ended. */
export type Death = { is: 'exit'; code: number } | { is: 'signal'; signal: number } | { is: 'unknown'; why: string };

export interface Child {
  readonly runtime: Runtime;
  /** On this host; its process group has the same number. */
  readonly pid: number;
  /** Calls out, answers in: docs of the bytes in frames.ts. */
  readonly channel: Socket;
  /** What is written to its descriptors 1 and 2 by anything but the runner itself. */
  readonly stdout: Socket;
  readonly stderr: Socket;
  readonly gate: Gate;
  /**
   * SIGKILL to its process group. Idempotent, and harmless once it is gone.
   * @param clean - it said that it left no process behind, so that none is searched for
   */
  kill(clean: boolean): void;
  /** Resolves when it was reaped and nothing that it started is left. Never rejects. */
  readonly gone: Promise<Death>;
}
