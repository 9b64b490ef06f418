// Loaded into a program before its own code (node --import): writes down when bytes come and go, and nothing else of it.
// One line an event into memory, all of them into a file when the program ends.
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket, type Server } from 'node:net';
import { basename } from 'node:path';
import type * as ZeroMq from 'zeromq';

const dir = process.env['HOPS_DIR'] ?? '';
const redisPort = Number(/redis:\/\/[^:]+:(\d+)/.exec(process.argv.join(' '))?.[1]);
const command = basename(process.argv[1] ?? '') === 'mpcsfaas.mjs' ? (process.argv[2] ?? '') : '';
/** `<monotonic ns> <event>`, the clock that all programs of a machine share. */
const events: string[] = [];

function note(event: string): void {
  events.push(`${process.hrtime.bigint()} ${event}`);
}

if (dir !== '' && command !== '') {
  requests();
  sockets();
  messages();
  process.on('exit', () => writeFileSync(`${dir}/${command}-${process.pid}`, events.join('\n')));
}

function requests(): void {
  subscribe('http.server.request.start', () => note('request in'));
  subscribe('http.server.response.finish', () => note('answer out'));
}

/** Redis and the runners. */
function sockets(): void {
  const kind = (socket: Socket & { server?: Server | null }): string => {
    if (socket.server) return '';
    if (socket.remotePort === redisPort) return 'redis';
    return socket.remoteAddress === undefined && !socket.connecting ? 'runner' : '';
  };
  const prototype = Socket.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const wrap = (name: string, way: string, isOne: (args: unknown[]) => boolean): void => {
    const original = prototype[name]!;
    prototype[name] = function (this: Socket, ...args: unknown[]) {
      const what = isOne(args) ? kind(this) : '';
      if (what !== '') note(`${what} ${way}`);
      return original.apply(this, args);
    };
  };
  wrap('_write', 'out', () => true);
  wrap('_writev', 'out', () => true);
  wrap('push', 'in', ([chunk]) => chunk !== null);
}

/** ZeroMQ: what was given to its own thread, and what came from it. */
function messages(): void {
  const { Socket: Any } = createRequire(import.meta.url)('zeromq') as typeof ZeroMq;
  const prototype = Any.prototype as unknown as Record<'send' | 'receive', (...args: unknown[]) => Promise<unknown>>;
  const { send, receive } = prototype;
  Object.defineProperty(prototype, 'send', {
    value(this: ZeroMq.Socket, ...args: unknown[]) {
      note('message out');
      return send.apply(this, args);
    },
  });
  Object.defineProperty(prototype, 'receive', {
    async value(this: ZeroMq.Socket) {
      const message = await receive.call(this);
      note('message in');
      return message;
    },
  });
}
