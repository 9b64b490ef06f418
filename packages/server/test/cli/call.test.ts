// `mpcsfaas call` on bad days: no worker, a connection that breaks, a service that is away for a moment.
import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { mpcsfaas, type Said } from './harness.ts';
import { standIn } from './stand-in.ts';

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
): Promise<{ url: string; cli: (...args: string[]) => Promise<Said>; asked: Asked[] }> {
  const asked: Asked[] = [];
  const service = await standIn((request, response) => {
    const { url: path = '', headers } = request;
    void text(request).then((body) => {
      const one = { path, key: headers['idempotency-key'] as string | undefined, body };
      asked.push(one);
      answer(one, response);
    });
  });
  close = service.close;
  const { url } = service;
  return { url, cli: (...args) => mpcsfaas([...args, '--url', url]), asked };
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-task-id': ID }).end(JSON.stringify(body));
}

describe('where no worker is connected', () => {
  const detail = 'No worker is connected. Start one, or run `mpcsfaas up`.';
  const noWorker = (response: ServerResponse): void =>
    say(response, 503, { code: 'no_worker', detail: `${detail} It stays.`, task_id: ID, task_status: 'QUEUED' });
  const open = { task_id: ID, status: 'QUEUED' };

  it('it says so, waits, and goes on as a task', async () => {
    const { cli, asked } = await serve(({ path }, response) => {
      if (path.startsWith('/v1/call/')) return noWorker(response);
      const ms = Number(/wait_ms=(\d+)/.exec(path)![1]);
      setTimeout(() => say(response, 202, { ...open, waits: { reason: 'no_worker', detail } }), ms);
    });
    const began = performance.now();
    const { code, stdout, stderr } = await cli('call', 'f', '--wait', '1.5s', '--json');
    expect(performance.now() - began).toBeGreaterThan(1_500);
    expect([code, JSON.parse(stdout)]).toEqual([3, open]);
    const goesOn = `mpcsfaas: The call has not ended yet; it goes on as task ${ID}: \`mpcsfaas task result ${ID}\` waits for it.\n`;
    expect(stderr).toBe(`mpcsfaas: ${detail}\n${goesOn}`);
    expect(asked.filter(({ path }) => path.startsWith('/v1/call/'))).toHaveLength(1);
    // Without a wait, too.
    expect(await cli('call', 'f', '--wait', '0')).toEqual({
      ...{ code, stdout: '' },
      stderr: `mpcsfaas: ${detail} It stays.\n${goesOn}`,
    });
  });

  it('a worker that comes soon is waited for without a word', async () => {
    const { cli } = await serve(({ path }, response) => {
      if (path.startsWith('/v1/call/')) noWorker(response);
      else setTimeout(() => say(response, 200, { task_id: ID, status: 'COMPLETED', error: null, value: 7 }), 100);
    });
    expect(await cli('call', 'f')).toEqual({ code: 0, stdout: '7\n', stderr: '' });
  });
});

describe('task result', () => {
  it('waits as long as it is told, and prints the value', async () => {
    const { cli, asked } = await serve((_, response) => {
      if (asked.length === 1) say(response, 202, { task_id: ID, status: 'RUNNING' });
      else say(response, 200, { task_id: ID, status: 'COMPLETED', error: null, value: { sum: 3 } });
    });
    expect(await cli('task', 'result', ID)).toEqual({ code: 0, stdout: '{"sum":3}\n', stderr: '' });
    expect(asked.map(({ path }) => path.split('?')[0])).toEqual(Array(2).fill(`/v1/tasks/${ID}/result`));
  });

  it('is not held for longer than proxies have patience', async () => {
    const { cli, asked } = await serve((_, response) => {
      if (asked.length < 3) say(response, 202, { task_id: ID, status: 'RUNNING' });
      else say(response, 200, { task_id: ID, status: 'COMPLETED', error: null, value: 7 });
    });
    expect((await cli('task', 'result', ID, '--wait', '10m')).stdout).toBe('7\n');
    expect(asked.map(({ path }) => path)).toEqual(
      [0, 25_000, 25_000].map((wait) => `/v1/tasks/${ID}/result?wait_ms=${wait}`),
    );
  });

  it('says who can read a pickle', async () => {
    const ended = { task_id: ID, status: 'COMPLETED', error: null, pickle: 'gASVAAA=' };
    const { cli } = await serve((_, response) => say(response, 200, ended));
    expect(await cli('task', 'result', ID)).toEqual({
      code: 1,
      stdout: '',
      stderr: `mpcsfaas: The value of task ${ID} is a pickle, which Python alone reads: \`Client().wait("${ID}")\` of the Python SDK; --json prints its base64.\n`,
    });
    const { stdout } = await cli('task', 'result', ID, '--json');
    expect(JSON.parse(stdout)).toEqual({ task_id: ID, pickle: 'gASVAAA=' });
  });
});

it.each([502, 503, 504])(
  'where a proxy says %s of a service that is waited with, the task is named',
  async (status) => {
    const { url, cli, asked } = await serve(({ path }, response) => {
      const isFirst = path.startsWith('/v1/call/') || (path.includes('/result') && asked.length === 1);
      if (isFirst) say(response, 202, { task_id: ID, status: 'RUNNING' });
      else response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Bad</h1>');
    });
    for (const line of [
      ['call', 'f'],
      ['task', 'result', ID],
    ]) {
      asked.length = 0;
      expect(await cli(...line)).toEqual({
        code: 3,
        stdout: '',
        stderr: `mpcsfaas: No service answers behind ${url}, what is in front of it said ${status}: start one with \`mpcsfaas up\`, or name another with --url or --port. Task ${ID} was waited for: its end is kept, and \`mpcsfaas task result ${ID}\` tells it when the service is back.\n`,
      });
    }
  },
);

describe('where the connection breaks before the answer', () => {
  const cut = (response: ServerResponse): void => void response.destroy();
  const doubt = (url: string): RegExp =>
    new RegExp(
      `^mpcsfaas: (x: )?The connection to the service at ${url} broke \\(ECONNRESET\\) before the answer came: what was asked may be done all the same\\. Look before you ask again\\.\\n$`,
    );

  it('a call is repeated under its key', async () => {
    const unavailable = { code: 'store_unavailable', detail: 'The store is away.', retry_after_ms: 10 };
    const { cli, asked } = await serve((_, response) => {
      if (asked.length === 1) cut(response);
      else if (asked.length === 2) say(response, 503, unavailable);
      else say(response, 200, { sum: 3 });
    });
    expect(await cli('call', 'f', '1')).toEqual({ code: 0, stdout: '{"sum":3}\n', stderr: '' });
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
    expect(asked[0]!.key).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('it says that the call may go on where that does not help, and a full queue is told at once', async () => {
    const { url, cli, asked } = await serve((_, response) => {
      if (asked.length > 0) cut(response);
    });
    const { code, stderr } = await cli('call', 'f');
    expect([code, stderr]).toEqual([1, expect.stringMatching(doubt(url))]);
    close();
    const full = await serve((_, response) => say(response, 429, { code: 'queue_full', detail: 'It is full.' }));
    expect(await full.cli('call', 'f')).toEqual({ code: 1, stdout: '', stderr: 'mpcsfaas: It is full.\n' });
    expect(full.asked).toHaveLength(1);
  });

  it('nor is that forgotten where nobody is there afterwards', async () => {
    const { url, cli } = await serve((_, response) => {
      cut(response);
      close();
    });
    expect((await cli('call', 'f')).stderr).toBe(
      `mpcsfaas: No service answers at ${url} (ECONNREFUSED): start one with \`mpcsfaas up\`, or name another with --url or --port. The call may be queued all the same: \`mpcsfaas task ls\` tells.\n`,
    );
  });

  it.each([
    ['task', 'retry', 'x'],
    ['keys', 'create', 'x'],
  ])('%s %s is not repeated, and says that it may be done', async (...args) => {
    const { url, cli, asked } = await serve((_, response) => cut(response));
    const { code, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(doubt(url))]);
    expect(asked).toHaveLength(1);
  });

  it('what only reads is told as a service that is not there', async () => {
    const { cli } = await serve((_, response) => cut(response));
    expect((await cli('task', 'ls')).stderr).toMatch(/^mpcsfaas: No service answers at /);
  });
});
