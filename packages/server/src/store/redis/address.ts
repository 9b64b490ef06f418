// Where the store is, as people write it: one Redis, a master that sentinels know, or a Cluster.
//   redis://[user:password@]host:port[/db]   rediss:// with TLS   the path of a socket
//   redis+sentinel://[user:password@]host:port,host:port,…/name[/db][?sentinel_username=…&sentinel_password=…]
//   redis+cluster://[user:password@]host:port,host:port,…   (rediss+sentinel, rediss+cluster: all connections with TLS)

export interface Place {
  host: string;
  port: number;
}

export interface Credentials {
  username?: string;
  password?: string;
}

/** What all links to the servers of one store have in common; with a place, a link. */
export interface Link extends Credentials, Partial<Place> {
  db?: number;
  tls?: Record<string, never>;
}

export type StoreAddress =
  | { is: 'server'; url: string }
  | {
      is: 'sentinel';
      sentinels: Place[];
      /** The master's name among the sentinels. */
      name: string;
      db: number;
      tls: boolean;
      credentials: Credentials;
      /** Those of the sentinels themselves. */
      sentinelCredentials: Credentials;
    }
  | { is: 'cluster'; nodes: Place[]; tls: boolean; credentials: Credentials };

const SENTINEL_PORT = 26379;
const REDIS_PORT = 6379;

/** undefined where the text is no such address. */
export function parseAddress(text: string): StoreAddress | undefined {
  const [, tls, kind] = /^redis(s?)\+(sentinel|cluster):\/\//.exec(text) ?? [];
  if (kind === undefined) return isOfOne(text) ? { is: 'server', url: text } : undefined;
  const rest = text.slice(text.indexOf('//') + 2);
  const [, before = '', hosts = '', path = '', query = ''] = /^(?:(.*)@)?([^/?]*)([^?]*)(?:\?(.*))?$/.exec(rest) ?? [];
  const places = readPlaces(hosts, kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT);
  const credentials = readCredentials(before);
  if (places === undefined || credentials === undefined) return undefined;
  const words = new Map(new URLSearchParams(query));
  if (kind === 'cluster') {
    return /^\/?0?$/.test(path) && words.size === 0
      ? { is: 'cluster', nodes: places, tls: tls === 's', credentials }
      : undefined;
  }
  const [, name = '', db = '0'] = /^\/([^/]+)(?:\/(\d+))?$/.exec(path) ?? [];
  const sentinelCredentials = namedCredentials(words.get('sentinel_username'), words.get('sentinel_password'));
  const unknown = [...words.keys()].some((word) => word !== 'sentinel_username' && word !== 'sentinel_password');
  if (name === '' || unknown) return undefined;
  return {
    is: 'sentinel',
    sentinels: places,
    name: decoded(name) ?? name,
    db: Number(db),
    tls: tls === 's',
    credentials,
    sentinelCredentials,
  };
}

/** For people's eyes and for logs. */
export function withoutPassword(text: string): string {
  return text.replace(/\/\/.*@/, '//').replace(/((?:^|[?&])[a-z_]*password=)[^&]*/g, '$1…');
}

/** A socket's path is for tests and for whoever calls the store from code; the command line wants a URL. */
function isOfOne(text: string): boolean {
  if (text.startsWith('/')) return true;
  const { protocol = '', pathname = '' } = URL.parse(text) ?? {};
  return /^rediss?:$/.test(protocol) && /^(\/\d*)?$/.test(pathname);
}

function readPlaces(text: string, usualPort: number): Place[] | undefined {
  const places = text.split(',').map((one) => {
    const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(one) ?? [];
    const host = bracketed ?? plain;
    const number = port === undefined ? usualPort : Number(port);
    return host === undefined || number < 1 || number > 65_535 ? undefined : { host, port: number };
  });
  return places.every((place) => place !== undefined) ? places : undefined;
}

/** `user:password`, `:password`, or nothing. */
function readCredentials(text: string): Credentials | undefined {
  if (text === '') return {};
  const split = text.indexOf(':');
  const [username, password] = split < 0 ? [text, ''] : [text.slice(0, split), text.slice(split + 1)];
  const [name, word] = [decoded(username), decoded(password)];
  return name === undefined || word === undefined ? undefined : namedCredentials(name, word);
}

function namedCredentials(username: string | undefined, password: string | undefined): Credentials {
  return {
    ...(username !== undefined && username !== '' && { username }),
    ...(password !== undefined && password !== '' && { password }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function spelled({ host, port }: Place): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
