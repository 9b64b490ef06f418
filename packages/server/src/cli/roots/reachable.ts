// The address that others can use, of one that is listened on: 0.0.0.0 means all of this machine's and is none.
import { networkInterfaces } from 'node:os';

/** A host to connect to, as it stands in a URL. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') {
    const outward = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4');
    return outward?.address ?? '127.0.0.1';
  }
  return host.includes(':') ? `[${host}]` : host;
}
