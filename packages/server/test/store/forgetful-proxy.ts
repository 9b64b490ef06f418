// A proxy before a server's socket that can swallow one answer and cut the connection (the act was done, nobody knows), and keep an
// act back, or the wait for replicas that follows one; it can let connections die without a word, and be slow.
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';

interface Held {
  caught: Promise<true>;
  letGo: () => void;
}

export interface ForgetfulProxy {
  url: string;
  /** The next answer to an act, or that to one some acts later, is swallowed, with its connection. */
  forgetNextAnswer(later?: number): void;
  forgotten(): number;
  /** The next act is kept back with what follows it until it is let go; `caught` resolves when it is here. */
  holdNextAct(): Held;
  /** The next WAIT is, and the acts before it are not. */
  holdNextWait(): Held;
  /** What comes on the connections there are gets nowhere any more, and nobody is told; new ones are served. */
  fallSilent(): void;
  /** Says something on each connection that nobody has asked for. */
  babble(bytes: string): void;
  /** From now on each connection carries at most so many bytes a second to the server. */
  slowDown(bytesPerSecond: number): void;
  close(): Promise<void>;
}

const WAIT = '*3\r\n$4\r\nwait\r\n';

export async function forgetfulProxy(target: string): Promise<ForgetfulProxy> {
  const url = `${target}.proxy`;
  const links = new Set<Socket>();
  const nears = new Set<Socket>();
  const silent = new Set<Socket>();
  let bytesPerMs = Infinity;
  let armed = false;
  let passing = 0;
  let forgotten = 0;
  /** `from` = where in some bytes what is to be held begins, or -1. */
  let hold: { from: (bytes: Buffer) => number; caught: () => void; gone: Promise<true> } | undefined;
  const server = createServer((near) => {
    const far = connect(target);
    let act = false;
    nears.add(near);
    near.on('close', () => nears.delete(near));
    for (const [link, other] of [
      [near, far],
      [far, near],
    ] as const) {
      links.add(link);
      link.on('error', () => other.destroy());
      link.on('close', () => {
        links.delete(link);
        other.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (silent.has(near)) return;
      if (bytesPerMs < Infinity) {
        near.pause();
        setTimeout(() => near.resume(), bytes.length / bytesPerMs);
      }
      if (armed && bytes.includes('FCALL')) {
        act ||= passing === 0;
        passing -= 1;
      }
      const from = hold?.from(bytes) ?? -1;
      if (hold === undefined || from < 0) {
        far.write(bytes);
        return;
      }
      const { caught, gone } = hold;
      if (from > 0) far.write(bytes.subarray(0, from));
      hold = undefined;
      near.pause();
      caught();
      void gone.then(() => {
        far.write(bytes.subarray(from));
        near.resume();
      });
    });
    far.on('data', (bytes) => {
      if (silent.has(near)) return;
      if (!act) {
        near.write(bytes);
        return;
      }
      armed = act = false;
      forgotten += 1;
      near.destroy();
    });
  });
  const holdNext = (from: (bytes: Buffer) => number): Held => {
    const [caught, gone] = [Promise.withResolvers<true>(), Promise.withResolvers<true>()];
    hold = { from, caught: () => caught.resolve(true), gone: gone.promise };
    return { caught: caught.promise, letGo: () => gone.resolve(true) };
  };
  server.listen(url);
  await once(server, 'listening');
  return {
    url,
    forgetNextAnswer: (later = 0) => {
      armed = true;
      passing = later;
    },
    forgotten: () => forgotten,
    // What comes with the act is held, too.
    holdNextAct: () => holdNext((bytes) => (bytes.includes('FCALL') ? 0 : -1)),
    holdNextWait: () => holdNext((bytes) => bytes.indexOf(WAIT)),
    fallSilent: () => {
      for (const link of links) silent.add(link);
    },
    babble: (bytes) => {
      for (const near of nears) near.write(bytes);
    },
    slowDown: (bytesPerSecond) => {
      bytesPerMs = bytesPerSecond / 1000;
    },
    close: async () => {
      server.close();
      for (const link of links) link.destroy();
      await once(server, 'close');
    },
  };
}
