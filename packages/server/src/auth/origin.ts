// May this request come from a web page, or through a name that is not ours? A service that runs what it is sent must not
// be reachable from a page: neither by a form, nor by fetch, nor by a name rebound to this machine's address.

export type HostVerdict = { is: 'served' } | { is: 'foreign'; what: 'host' | 'origin'; given: string };

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1|([a-z0-9-]+\.)*localhost)$/i;

/** An address or name of this machine's loopback, without a port. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** `example:8000` → `example`. */
export function withoutPort(host: string): string {
  return host.replace(/:\d*$/, '');
}

/** Without keys: only loopback names are served, and only pages of our own or of an allowed origin may call. */
export function judgeHost(
  host: string | undefined,
  origin: string | undefined,
  corsOrigins: readonly string[],
): HostVerdict {
  if (host === undefined || !isLoopback(withoutPort(host))) return { is: 'foreign', what: 'host', given: host ?? '' };
  if (origin === undefined || isOwn(origin, host) || isAllowedOrigin(origin, corsOrigins)) return { is: 'served' };
  return { is: 'foreign', what: 'origin', given: origin };
}

export function isAllowedOrigin(origin: string, corsOrigins: readonly string[]): boolean {
  return corsOrigins.includes('*') || corsOrigins.includes(origin);
}

function isOwn(origin: string, host: string): boolean {
  return origin.toLowerCase() === `http://${host.toLowerCase()}`;
}
