// Followed output over a service that restarts, and output that is no trap.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { Api } from '../../src/cli/api.ts';
import { followLogs } from '../../src/cli/follow-logs.ts';

const ID = '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11';
type Answer = (response: ServerResponse) => void;

let close = (): void => undefined;
afterEach(() => {
  vi.restoreAllMocks();
  close();
});

/** The n-th connection is answered as the n-th of these says. */
async function printed(...answers: Answer[]): Promise<string> {
  // Pauses are as short as they can be.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const left = [...answers];
  const server = createServer((_, response) => left.shift()!(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const api = new Api({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  let text = '';
  for await (const log of followLogs(api, ID, new AbortController().signal)) text += log.text;
  expect(left).toEqual([]);
  return text;
}

/** Output so far, and `last`. */
const telling =
  (text: string, last: 'cut' | 'end'): Answer =>
  (response) => {
    const log = JSON.stringify({ attempt: 1, stream: 'stdout', offset: 0, text });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`id: 1\nevent: log\ndata: ${log}\n\n${last === 'end' ? 'event: end\ndata: {}\n\n' : ''}`, () => {
      if (last === 'cut') setTimeout(() => response.destroy(), 20);
    });
  };

it('may hold what ends a line of a program and none of an event', async () => {
  expect(await printed(telling('a\u2028b\u2029c\rd\n', 'end'))).toBe('a\u2028b\u2029c\rd\n');
});
