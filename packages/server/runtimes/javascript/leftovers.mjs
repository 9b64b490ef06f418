// What a call leaves running in this process, or holding a port: the next call must not meet it.
import { subscribe } from 'node:diagnostics_channel';

const { getActiveResourcesInfo } = process;

/** Of what keeps the event loop alive, what runs code again or holds a port. Not connections: pools keep those. */
const KINDS = ['Timeout', 'Immediate', 'ProcessWrap', 'TCPServerWrap', 'UDPWrap', 'FSEventWrap', 'StatWatcher'];
/** Beyond so many, those that are over are forgotten while a call still runs. */
const MANY = 256;

/** Also what was told not to keep the loop alive: child processes, threads, servers. */
const tracked = new Set();
const add = Set.prototype.add.bind(tracked);

/** Begins to follow what users' code starts; what was started before is not counted. */
export function watchLeftovers() {
  const follow = (isOver) => {
    if (tracked.size >= MANY) forget();
    add(isOver);
  };
  subscribe('child_process', ({ process: child }) =>
    follow(() => child.pid === undefined || child.exitCode !== null || child.signalCode !== null),
  );
  subscribe('worker_threads', ({ worker }) => follow(() => worker.threadId === -1));
  // A server that was told to listen gets its port a moment later.
  const promised = new WeakSet();
  subscribe('tracing:net.server.listen:asyncStart', ({ server }) => {
    promised.add(server);
    follow(() => !server.listening && !promised.has(server));
  });
  for (const end of ['asyncEnd', 'error']) {
    subscribe(`tracing:net.server.listen:${end}`, ({ server }) => promised.delete(server));
  }
}

/** How much of it there is now. */
export function leftovers() {
  let count = 0;
  for (const kind of getActiveResourcesInfo()) if (KINDS.includes(kind)) count += 1;
  if (tracked.size > 0) forget();
  return count + tracked.size;
}

function forget() {
  for (const isOver of tracked) if (isOver()) tracked.delete(isOver);
}
