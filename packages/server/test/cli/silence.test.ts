// A service that takes the connection and says nothing: commands end, with one sentence.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Api, Hung } from '../../src/cli/api.ts';
import { followLogs } from '../../src/cli/follow-logs.ts';
import { mpcsfaas, program } from './harness.ts';

const SOON = { silenceMs: 1_000, marginMs: 1_000 };
const ID = '7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11';
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n';

let server: Server | undefined;
let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
  sockets = [];
});

/** The n-th connection is told the n-th of these, and nothing more. */
async function sayingOnly(...words: string[]): Promise<string> {
  server = createServer((socket) => {
    const word = words[sockets.push(socket) - 1] ?? '';
    socket.on('error', () => undefined).once('data', () => void socket.write(word));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it.each([
  ['nothing', ''],
  ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{'],
])('%s comes: who asked is told after a while', async (_, word) => {
  const api = new Api({ url: await sayingOnly(word, word) }, SOON);
  for (const ask of [() => api.get('/v1/stats'), () => api.post('/v1/call/f', {}, { wait_ms: 50 })]) {
    const fault: unknown = await ask().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Hung);
    expect((fault as Error).message).toMatch(
      /^The service at http:\S+ does not answer: nothing was heard for 1(\.05)? s\. What was asked may be done all the same; .*\.$/,
    );
  }
});

it('who waits with the service is told later than the service is to answer', async () => {
  const api = new Api({ url: await sayingOnly() }, { silenceMs: 1, marginMs: 100 });
  await expect(api.get('/v1/tasks/x/result', { wait_ms: 400 })).rejects.toThrow('nothing was heard for 0.5 s');
});

it.each([
  ['no head', [''], 1],
  ['a head alone', [STREAM], 1],
  ['a word, and nothing on the next connection', [`${STREAM}: here\n\n`, STREAM], 2],
  ['a word on two connections, and nothing on the third', [`${STREAM}: here\n\n`, `${STREAM}: here\n\n`, ''], 3],
])('followed output: %s', async (_, words, connections) => {
  const api = new Api({ url: await sayingOnly(...words) }, SOON);
  const following = followLogs(api, ID, new AbortController().signal).next();
  await expect(following).rejects.toBeInstanceOf(Hung);
  expect(sockets).toHaveLength(connections);
});

it('a call does not wait longer than it was told to, and ten seconds', async () => {
  const url = await sayingOnly();
  const { code, stdout, stderr } = await mpcsfaas(['call', 'f', '--wait', '1ms', '--url', url]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^mpcsfaas: The service at [^\n]+ does not answer: nothing was heard for 10 s\.[^\n]+\n$/);
});

it.each([
  ['task ls'],
  [`task show ${ID}`],
  [`task result ${ID}`],
  [`task logs ${ID}`],
  [`task cancel ${ID}`],
  ['fn ls'],
  ['keys revoke 1'],
  ['workers'],
])('%s is interrupted by SIGTERM, too', async (line) => {
  const url = await sayingOnly();
  const command = program('mpcsfaas', [...line.split(' '), '--url', url]);
  await once(server!, 'connection');
  command.signal('SIGTERM');
  expect(await command.ended).toEqual({ code: 130, stdout: '', stderr: '' });
});

it('Ctrl-C ends a command as a signal does: a shell ends the loop around it', async () => {
  const url = await sayingOnly();
  const command = program('mpcsfaas', ['task', 'ls', '--url', url]);
  await once(server!, 'connection');
  command.signal('SIGINT');
  expect((await command.ended).code).toBe('SIGINT');
});
