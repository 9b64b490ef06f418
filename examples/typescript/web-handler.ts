// A web service in TypeScript whose numbers are made by Python.
//   node web-handler.ts [URL]
//   curl -s http://127.0.0.1:3000/describe -d '[1, 2, 3, 10]'
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Faas, QueueFull, TaskFailed, TaskTimeout } from '@mpcsfaas/client';

interface Description {
  mean: number;
  deviation: number;
  median: number;
  by: string;
}

const faas = new Faas({ url: process.argv[2] ?? 'http://127.0.0.1:8000' });
const source = await readFile(new URL('describe.py', import.meta.url), 'utf8');
const describe = (
  await faas.register<[number[]], Description>('describe', { source, runtime: 'python' }, { timeoutMs: 10_000 })
).with({ group: 'web' });

const server = createServer((request, response) => void handle(request, response));
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}/describe`);
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  };
  // Whoever goes away cancels the call.
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const numbers = (await json(request)) as number[];
    answer(200, await describe.with({ signal: gone.signal })(numbers));
  } catch (error) {
    if (gone.signal.aborted) return;
    if (error instanceof SyntaxError) return answer(400, { error: 'send a list of numbers as JSON' });
    if (error instanceof TaskTimeout) return answer(504, { error: 'it took too long' });
    if (error instanceof TaskFailed) return answer(422, { error: `${error.typeName}: ${error.message}` });
    answer(error instanceof QueueFull ? 503 : 502, { error: String(error) });
  }
}
