// A service whose answers are those of a test.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  method: string;
  path: string;
  key: string;
  body: string;
}

let close = (): Promise<void> => Promise.resolve();
/** For `afterEach`. */
export const stopServing = (): Promise<void> => close();

/** What was asked so far, the last one is what is to be answered. */
export async function serve(
  answer: (asked: Asked, response: ServerResponse) => void,
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    void text(request).then((body) => {
      const one = { method, path, key: String(headers['idempotency-key']), body };
      asked.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

export function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '0' }).end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  say(response, status, { type: '', title: '', status, detail: `It is ${code}.`, code, request_id: 'r' });
}

/** All that is asked for has ended, with its id as its value, or nothing has. */
export function sayEnds(response: ServerResponse, body: string, ended: boolean): void {
  const { task_ids: ids } = JSON.parse(body) as { task_ids: string[] };
  const results = ids.map((id) => ({ task_id: id, status: 'COMPLETED', error: null, value: id }));
  say(response, 200, { results: ended ? results : [], pending: ended ? [] : ids, unknown: [] });
}
