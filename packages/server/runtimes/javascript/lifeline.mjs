// Ends the process, and its group, when the owner is gone: in a thread of its own, because users' code may never
// give the event loop back. Descriptor 5 carries nothing but its end.
import { Socket } from 'node:net';

const end = () => {
  for (const target of [-process.pid, process.pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // No group of its own.
    }
  }
};

const line = new Socket({ fd: 5, readable: true, writable: false });
line.on('end', end);
line.on('error', end);
line.on('close', end);
line.resume();
