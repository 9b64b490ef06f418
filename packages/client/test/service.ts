// A real `mpcsfaas up` for the client's tests, and a wire to it that can be cut.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { startSystem, type System } from '../../../test/harness/system.ts';

/** Two slots, no other worker. */
export function startUp(args: string[] = []): Promise<System> {
  return startSystem({ form: 'embedded local', workers: 1, slots: 2, args });
}

export interface Wire {
  url: string;
  /** Connections that carried something from the service. */
  open(): number;
  /** Cuts all of them in the middle. */
  cut(): void;
  close(): Promise<void>;
}

/** A port of this machine that leads to the service. */
export async function wireTo(url: string): Promise<Wire> {
  const { port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.size / 2,
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
