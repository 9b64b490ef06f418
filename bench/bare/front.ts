// The way in: a bare node:http server that takes an argument or an array of them and answers with as many results.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pack, unpack } from 'msgpackr';
import { bytesOf, numberOf, parcel } from './parcel.ts';

/** Where arrays of arguments are sent; single ones go to any other path. */
export const BATCH = '/batch';

/** Whoever waits for a call. */
type Waiter = (result: Buffer) => void;

export interface Front {
  /** Answers whoever waits for these results. */
  ended: (parcels: readonly Buffer[]) => void;
  /** Listens on loopback and says so on stdout, with its URL. */
  open: () => Promise<void>;
}

/** `submit` gets the parcels of each request. */
export function front(submit: (parcels: readonly Buffer[]) => void): Front {
  const waiting = new Map<number, Waiter>();
  let made = 0;
  const numbered = (bytes: Buffer, waiter: Waiter): Buffer => {
    made = (made + 1) >>> 0;
    waiting.set(made, waiter);
    return parcel(made, bytes);
  };
  const taken = (url: string | undefined, body: Buffer, response: ServerResponse): void => {
    if (url !== BATCH) {
      submit([numbered(body, (result) => answer(response, result))]);
      return;
    }
    const calls = unpack(body) as Buffer[];
    const results = new Array<Buffer>(calls.length);
    let open = calls.length;
    const got = (n: number, result: Buffer): void => {
      results[n] = result;
      open -= 1;
      if (open === 0) answer(response, pack(results));
    };
    submit(calls.map((bytes, n) => numbered(bytes, (result) => got(n, result))));
  };
  const server = createServer((request, response) => read(request, (body) => taken(request.url, body, response)));
  return {
    ended: (parcels) => {
      for (const one of parcels) {
        const number = numberOf(one);
        const waiter = waiting.get(number);
        waiting.delete(number);
        waiter?.(bytesOf(one));
      }
    },
    open: async () => {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port} is ready`);
    },
  };
}

function read(request: IncomingMessage, whole: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => whole(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
}

function answer(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-length': body.length }).end(body);
}
