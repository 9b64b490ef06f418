// What a call leaves running in this process, or holding a port: the next call must not meet it.
import childProcess from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getCallSites } from 'node:util';
import { uncurried } from './builtins.mjs';

const { getActiveResourcesInfo } = process;
const { apply, getPrototypeOf } = Reflect;
const { max } = Math;
const startsWith = uncurried(String.prototype.startsWith);

/** Of what keeps the event loop alive, what runs code again or holds a port. Not connections: pools keep those. */
const KINDS = ['Timeout', 'Immediate', 'ProcessWrap', 'TCPServerWrap', 'UDPWrap', 'FSEventWrap', 'StatWatcher'];
/** Beyond so many, or twice as many as are left of them, those that are over are forgotten while a call still runs. */
const MANY = 256;
let many = MANY;

/** Also what was told not to keep the loop alive: child processes, threads, servers, timers. */
const tracked = new Set();
const add = Set.prototype.add.bind(tracked);

/** Was a process started since the last look? What it started in turn may be an orphan now: a child of the keeper. */
let started = false;
/** Whose children are us and orphans of ours; 0 = nobody's are. */
let keeper = 0;

/**
 * Begins to follow what users' code starts; what was started before is not counted.
 * @param kept - our parent is a keeper (runtimes/python/keep.py)
 * @param counts - tells whether a timer that is made now is a call's own, and not of a module that is loaded
 */
export function watchLeftovers(kept, counts) {
  if (kept) keeper = process.ppid;
  for (const name of ['spawnSync', 'execSync', 'execFileSync']) {
    childProcess[name] = new Proxy(childProcess[name], {
      apply: (own, self, args) => {
        started = true;
        return apply(own, self, args);
      },
    });
  }
  syncBuiltinESMExports();
  const follow = (isOver) => {
    if (tracked.size >= many) {
      forget();
      many = max(MANY, 2 * tracked.size);
    }
    add(isOver);
  };
  followTimers(follow, counts);
  subscribe('child_process', ({ process: child }) => {
    started = true;
    follow(() => child.pid === undefined || child.exitCode !== null || child.signalCode !== null);
  });
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

/**
 * Timers and immediates from where they are told not to keep the loop alive: before, the loop itself tells of them. Those that a module
 * makes while it is loaded stay as long as this process does, and whoever is the next to run has nothing of them.
 */
function followTimers(follow, counts) {
  const timers = [setTimeout(() => {}), setImmediate(() => {})];
  clearTimeout(timers[0]);
  clearImmediate(timers[1]);
  for (const timer of timers) {
    const kind = getPrototypeOf(timer);
    const { unref } = kind;
    kind.unref = {
      unref() {
        if (counts() && !isNodes(getCallSites(2)[1])) follow(() => this._destroyed);
        return apply(unref, this, []);
      },
    }.unref;
  }
}

/** Is it a line of Node's own? Its timers serve connections, which stay. */
function isNodes(site) {
  return site !== undefined && startsWith(site.scriptName, 'node:');
}

/** How much of it there is now. */
export function leftovers() {
  let count = 0;
  for (const kind of getActiveResourcesInfo()) if (KINDS.includes(kind)) count += 1;
  if (tracked.size > 0) forget();
  if (started) {
    started = false;
    count += orphans();
  }
  return count + tracked.size;
}

function orphans() {
  if (keeper === 0) return 0;
  try {
    return readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim().split(' ').length - 1;
  } catch {
    return 0; // a kernel that does not say it
  }
}

function forget() {
  for (const isOver of tracked) if (isOver()) tracked.delete(isOver);
}
