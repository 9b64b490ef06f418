// Starts what launch.ts planned, with its descriptors.
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { MARK_NAME, type Launch } from './launch.ts';
import { makeGates, type Gate } from './gates.ts';
import { startDetached } from './processes.ts';

/** A started process with its descriptors 3, 4, … as sockets and gates, each kind in its order. */
export interface Started {
  process: ChildProcess;
  pid: number;
  sockets: Socket[];
  gates: Gate[];
}

/** Starts it in a session of its own. Throws where the command cannot be started. */
export async function start(launch: Launch): Promise<Started> {
  const count = launch.descriptors.filter((kind) => kind === 'gate').length;
  const gates = await makeGates(count, launch.env[MARK_NAME] ?? '');
  let next = 0;
  const extra = launch.descriptors.map((kind) => (kind === 'gate' ? gates[next++]!.childFd : ('pipe' as const)));
  try {
    const { command, args, cwd, env } = launch;
    const child = startDetached(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe', ...extra] });
    // What is asked for as a pipe is a socket: both ways.
    const sockets = child.stdio.slice(3).filter((stream) => stream != null) as unknown as Socket[];
    for (const socket of sockets) socket.on('error', () => undefined);
    return { process: child, pid: child.pid, sockets, gates };
  } catch (error) {
    for (const gate of gates) gate.close();
    throw error;
  } finally {
    for (const gate of gates) gate.closeChildSide();
  }
}
