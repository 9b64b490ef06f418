// Ends the process, with its group and its descendants, when the owner is gone: in a thread of its own, because users'
// code may never give the event loop back. Descriptor 5 carries nothing but its end.
//
// A keeper ends what is left beside (runtimes/python/keep.py); where it was killed or there is none, this has to do.
import { readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';

const ROUNDS = 20;

const end = () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = descendants();
    if (found.length === 0) break;
    found.forEach(kill);
  }
  kill(-process.pid);
  kill(process.pid);
};

function kill(target) {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // Gone, or no group of its own.
  }
}

/** Pids of the living descendants; none where the system cannot say. */
function descendants() {
  const parents = new Map();
  try {
    for (const name of readdirSync('/proc')) {
      const [state, parent] = /^\d+$/.test(name) ? about(name) : [];
      if (state !== undefined && state !== 'Z') parents.set(Number(name), Number(parent));
    }
  } catch {
    return [];
  }
  const found = new Set([process.pid]);
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  found.delete(process.pid);
  return [...found];
}

/** State and parent. */
function about(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2);
  } catch {
    return [];
  }
}

const line = new Socket({ fd: 5, readable: true, writable: false });
line.on('end', end);
line.on('error', end);
line.on('close', end);
line.resume();
