// What the functions say of themselves: each start of user code, each end of it, and a tick every 100 ms of long ones.
// They append a line to one file, outside of the system: nothing that is under test carries the news.
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';

export interface Start {
  at: number;
  pid: number;
  /** The worker that it ran in, by the folder that its temporary files go to. */
  worker: string;
}

export interface Reported {
  starts: Start[];
  /** When user code came to its own end, once for each start that did. */
  ends: number[];
  /** The newest sign of life of user code. */
  seen: number;
  /** The runner of the newest start, while that has not come to its end. */
  running: Start | undefined;
}

export interface Reports {
  file: string;
  /** Reads what was added; answers what is known of every label. */
  read(): ReadonlyMap<number, Reported>;
  close(): void;
}

export function openReports(file: string): Reports {
  writeFileSync(file, '');
  const descriptor = openSync(file, 'r');
  const known = new Map<number, Reported>();
  const piece = Buffer.alloc(1 << 20);
  let offset = 0;
  let rest = '';

  const take = (line: string): void => {
    const [label = '', word = '', nanoseconds = '', pid = '', worker = ''] = line.split(' ');
    const at = Number(BigInt(nanoseconds) / 1000n) / 1000;
    let one = known.get(Number(label));
    if (one === undefined) known.set(Number(label), (one = { starts: [], ends: [], seen: 0, running: undefined }));
    one.seen = Math.max(one.seen, at);
    if (word === 'start') {
      one.running = { at, pid: Number(pid), worker };
      one.starts.push(one.running);
    } else if (word === 'end') {
      one.ends.push(at);
      if (one.running?.pid === Number(pid)) one.running = undefined;
    }
  };

  return {
    file,
    read: () => {
      for (;;) {
        const count = readSync(descriptor, piece, 0, piece.length, offset);
        if (count === 0) return known;
        offset += count;
        const lines = (rest + piece.toString('latin1', 0, count)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) take(line);
      }
    },
    close: () => closeSync(descriptor),
  };
}
