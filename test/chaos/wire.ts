// A TCP proxy between two programs, in user space: passes bytes on, and on demand holds them, delays them, loses them in
// one direction or both, keeps one half of a connection open, resets, refuses, or drops answers of what was executed.
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** Which bytes are meant: those of who connected (a worker, a service), or those of who listens (a dispatcher, Redis). */
export type Way = 'requests' | 'answers';

/** `hold`: nothing arrives until it is over, then everything (a network that comes back). `lose`: gone for good. */
export type Trouble =
  { kind: 'none' } | { kind: 'hold' } | { kind: 'lose' } | { kind: 'delay'; ms: number; jitter: number };

/** Chunks of one direction that are on a slow line at a time: it bounds what is kept. */
const MOST_LATE = 64;

export interface Wire {
  port: number;
  /** From now on, for what flows and what comes. What was held flows again; connections that lost bytes are reset. */
  set(way: Way, trouble: Trouble): void;
  /** Of so many chunks of answers one is swallowed and its connection reset: executed, and nobody knows. 0 = none. */
  swallow(oneIn: number): void;
  /** Those who connected notice nothing, their other half is gone. `heal` resets what they hold. */
  halfOpen(): void;
  /** Everybody is reset. */
  reset(): void;
  /** Nobody gets in, and everybody is reset; until `heal`. */
  refuse(): void;
  /** Everything as it was: no trouble, open, and what cannot go on is reset. */
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  near: Socket;
  far: Socket;
  /** Bytes are missing: the stream cannot go on. */
  torn: boolean;
}

export async function stretchWire(target: number, random: () => number): Promise<Wire> {
  const troubles: Record<Way, Trouble> = { requests: { kind: 'none' }, answers: { kind: 'none' } };
  const pairs = new Set<Pair>();
  let oneIn = 0;
  let closed = false;

  const end = (pair: Pair): void => {
    pairs.delete(pair);
    for (const socket of [pair.near, pair.far]) if (!socket.destroyed) socket.resetAndDestroy();
  };

  const pump = (pair: Pair, way: Way): { wake: () => void } => {
    const [from, to] = way === 'requests' ? [pair.near, pair.far] : [pair.far, pair.near];
    // One line and one timer: two timers of other lengths may fire in the wrong order, and bytes must never.
    const late: { chunk: Buffer; due: number }[] = [];
    let over = false;
    const pass = (chunk: Buffer): void => {
      if (to.destroyed || to.writableEnded) return;
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => wake());
      }
    };
    const wake = (): void => {
      if (troubles[way].kind !== 'hold' && late.length < MOST_LATE) from.resume();
    };
    const arrive = (): void => {
      while (late.length > 0 && late[0]!.due <= performance.now()) pass(late.shift()!.chunk);
      if (late.length > 0) setTimeout(arrive, Math.max(0, late[0]!.due - performance.now()));
      else if (over) to.end();
      wake();
    };
    from.on('data', (chunk: Buffer) => {
      const trouble = troubles[way];
      if (way === 'answers' && oneIn > 0 && random() * oneIn < 1) {
        end(pair);
        return;
      }
      if (trouble.kind === 'lose') {
        pair.torn = true;
        return;
      }
      // What comes after the delay is over still waits for what came before.
      if (trouble.kind !== 'delay' && late.length === 0) {
        pass(chunk);
        return;
      }
      const wait = trouble.kind === 'delay' ? trouble.ms + (random() * 2 - 1) * trouble.jitter : 0;
      late.push({ chunk, due: Math.max(late.at(-1)?.due ?? 0, performance.now() + wait) });
      if (late.length === 1) setTimeout(arrive, wait);
      if (late.length >= MOST_LATE) from.pause();
    });
    from.on('end', () => {
      over = true;
      if (late.length === 0) to.end();
    });
    if (troubles[way].kind === 'hold') from.pause();
    return { wake };
  };

  const wakes = new WeakMap<Pair, Record<Way, () => void>>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = createConnection({ host: '127.0.0.1', port: target, allowHalfOpen: true });
    near.setNoDelay(true);
    far.setNoDelay(true);
    const pair: Pair = { near, far, torn: false };
    pairs.add(pair);
    wakes.set(pair, { requests: pump(pair, 'requests').wake, answers: pump(pair, 'answers').wake });
    near.on('error', () => end(pair)).on('close', () => end(pair));
    // A half that was taken away on purpose does not take the other with it.
    far.on('error', () => !pair.torn && end(pair)).on('close', () => !pair.torn && end(pair));
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  };
  const port = await listen(0);

  const heal = (): void => {
    for (const way of ['requests', 'answers'] as const) troubles[way] = { kind: 'none' };
    oneIn = 0;
    for (const pair of pairs) {
      if (pair.torn) end(pair);
      else for (const wake of Object.values(wakes.get(pair)!)) wake();
    }
    if (!server.listening && !closed) server.listen(port, '127.0.0.1');
  };

  return {
    port,
    set: (way, trouble) => {
      troubles[way] = trouble;
      for (const pair of pairs) {
        if (trouble.kind === 'hold') (way === 'requests' ? pair.near : pair.far).pause();
        else wakes.get(pair)![way]();
      }
    },
    swallow: (count) => {
      oneIn = count;
    },
    halfOpen: () => {
      for (const pair of pairs) {
        pair.torn = true;
        pair.far.destroy();
      }
    },
    reset: () => {
      for (const pair of pairs) end(pair);
    },
    refuse: () => {
      server.close();
      for (const pair of pairs) end(pair);
    },
    heal,
    close: async () => {
      closed = true;
      for (const pair of pairs) end(pair);
      if (server.listening) await new Promise((done) => server.close(done));
    },
  };
}
