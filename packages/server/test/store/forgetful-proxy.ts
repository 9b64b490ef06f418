// A proxy before a server's socket that can swallow one answer and cut the connection (the act was done, nobody knows), and keep an
// act back.
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';

export interface ForgetfulProxy {
  url: string;
  /** The next answer to an act, or that to one some acts later, is swallowed, with its connection. */
  forgetNextAnswer(later?: number): void;
  forgotten(): number;
  /** The next act is kept back with what follows it until it is let go; `caught` resolves when it is here. */
  holdNextAct(): { caught: Promise<true>; letGo: () => void };
  close(): Promise<void>;
}

export async function forgetfulProxy(target: string): Promise<ForgetfulProxy> {
  const url = `${target}.proxy`;
  const links = new Set<Socket>();
  let armed = false;
  let passing = 0;
  let forgotten = 0;
  let hold: { caught: () => void; gone: Promise<true> } | undefined;
  const server = createServer((near) => {
    const far = connect(target);
    let act = false;
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
      if (armed && bytes.includes('FCALL')) {
        act ||= passing === 0;
        passing -= 1;
      }
      if (hold === undefined || !bytes.includes('FCALL')) {
        far.write(bytes);
        return;
      }
      const { caught, gone } = hold;
      hold = undefined;
      near.pause();
      caught();
      void gone.then(() => {
        far.write(bytes);
        near.resume();
      });
    });
    far.on('data', (bytes) => {
      if (!act) {
        near.write(bytes);
        return;
      }
      armed = act = false;
      forgotten += 1;
      near.destroy();
    });
  });
  server.listen(url);
  await once(server, 'listening');
  return {
    url,
    forgetNextAnswer: (later = 0) => {
      armed = true;
      passing = later;
    },
    forgotten: () => forgotten,
    holdNextAct: () => {
      const [caught, gone] = [Promise.withResolvers<true>(), Promise.withResolvers<true>()];
      hold = { caught: () => caught.resolve(true), gone: gone.promise };
      return { caught: caught.promise, letGo: () => gone.resolve(true) };
    },
    close: async () => {
      server.close();
      for (const link of links) link.destroy();
      await once(server, 'close');
    },
  };
}
