// Followed output over a service that restarts, and output that is no trap.
import type { ServerResponse } from 'node:http';
import { afterEach, expect, it, vi } from 'vitest';
import { Api } from '../../src/cli/api.ts';
import { followLogs } from '../../src/cli/follow-logs.ts';
import { standIn } from './stand-in.ts';

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
  const service = await standIn((_, response) => left.shift()!(response));
  close = service.close;
  const api = new Api({ url: service.url });
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

const refusing =
  (status: number, body: string): Answer =>
  (response) =>
    void response.writeHead(status).end(body);
const unavailable = refusing(
  503,
  JSON.stringify({ status: 503, code: 'store_unavailable', detail: 'The store is away.', retry_after_ms: 1 }),
);
const cut: Answer = (response) => void response.destroy();

it('outlives a store that is away, a restart behind a proxy, and many cuts', async () => {
  const away = [
    unavailable,
    refusing(502, '<h1>Bad gateway</h1>'),
    refusing(504, ''),
    ...Array.from({ length: 6 }, () => cut),
  ];
  expect(await printed(telling('one\n', 'cut'), ...away, telling('one\ntwo\n', 'end'))).toBe('one\ntwo\n');
});

it('is over once nothing was heard for a minute, or for two seconds from the beginning', async () => {
  let now = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const after =
    (ms: number, answer: Answer): Answer =>
    (response) => {
      now += ms;
      answer(response);
    };
  const heard = telling('one\n', 'cut');
  await expect(printed(heard, after(50_000, cut), after(9_000, cut), after(2_000, unavailable))).rejects.toThrow(
    'The store is away.',
  );
  close();
  await expect(printed(after(1_000, unavailable), after(1_500, unavailable))).rejects.toThrow('The store is away.');
});

it('is over where the service refuses it', async () => {
  const gone = JSON.stringify({ status: 404, code: 'task_not_found', detail: 'There is no such task.' });
  await expect(printed(telling('one\n', 'cut'), refusing(404, gone))).rejects.toThrow('There is no such task.');
});
