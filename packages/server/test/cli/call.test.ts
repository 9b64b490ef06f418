// `mpcsfaas call` on bad days: no worker, a connection that breaks, a service that is away for a moment.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { mpcsfaas, type Said } from './harness.ts';

const ID = '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11';

let close = (): void => undefined;
afterEach(() => close());

interface Asked {
  path: string;
  key: string | undefined;
  body: string;
}

async function serve(
  answer: (asked: Asked, response: ServerResponse) => void,
): Promise<{ cli: (...args: string[]) => Promise<Said>; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { url: path = '', headers } = request;
    void text(request).then((body) => {
      const one = { path, key: headers['idempotency-key'] as string | undefined, body };
      asked.push(one);
      answer(one, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { cli: (...args) => mpcsfaas([...args, '--url', url]), asked };
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-task-id': ID }).end(JSON.stringify(body));
}

describe('where no worker is connected', () => {
  const WHY = `No worker is connected. Start one, or run \`mpcsfaas up\`. Task ${ID} stays in the queue; cancel it if you no longer want it.`;
  const noWorker = (response: ServerResponse): void =>
    say(response, 503, { code: 'no_worker', detail: WHY, task_id: ID, task_status: 'QUEUED' });
  const open = { task_id: ID, status: 'QUEUED' };

  it('it says so, waits, and goes on as a task', async () => {
    const { cli, asked } = await serve(({ path }, response) => {
      if (path.startsWith('/v1/call/')) return noWorker(response);
      const ms = Number(/wait_ms=(\d+)/.exec(path)![1]);
      setTimeout(() => say(response, 202, open), ms);
    });
    const began = performance.now();
    const { code, stdout, stderr } = await cli('call', 'f', '--wait', '1.5s', '--json');
    expect(performance.now() - began).toBeGreaterThan(1_500);
    expect([code, JSON.parse(stdout)]).toEqual([3, open]);
    expect(stderr).toBe(
      `mpcsfaas: ${WHY}\nmpcsfaas: The call has not ended yet; it goes on as task ${ID}: \`mpcsfaas task show ${ID}\` tells.\n`,
    );
    expect(asked.filter(({ path }) => path.startsWith('/v1/call/'))).toHaveLength(1);
    // Without a wait, too.
    expect(await cli('call', 'f', '--wait', '0')).toEqual({ code, stdout: '', stderr });
  });

  it('a worker that comes soon is waited for without a word', async () => {
    const { cli } = await serve(({ path }, response) => {
      if (path.startsWith('/v1/call/')) noWorker(response);
      else setTimeout(() => say(response, 200, { task_id: ID, status: 'COMPLETED', error: null, value: 7 }), 100);
    });
    expect(await cli('call', 'f')).toEqual({ code: 0, stdout: '7\n', stderr: '' });
  });
});
