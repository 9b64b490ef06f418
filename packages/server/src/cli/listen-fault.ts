// Why nobody can listen on a port, by the system's own word.
import { createServer } from 'node:net';

/** Undefined where it is free; that port is let go of again. */
export function listenFault(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
