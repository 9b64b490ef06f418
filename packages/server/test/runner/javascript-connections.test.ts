// A connection that one JavaScript call opened and another one uses: what is heard on it is the call's that runs.
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { javascript, TestPool, valueOf, type Ended } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

const run = (text: string, args: unknown[] = []): Promise<Ended> => pool.run(pool.call(javascript(text), args));

const PSK = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
const psk = Buffer.alloc(16);
const OVER_TLS =
  '{ ciphers: "PSK", maxVersion: "TLSv1.2", checkServerIdentity: () => undefined,\n' +
  '  pskCallback: () => ({ psk: Buffer.alloc(16), identity: "test" })';

/** Answers what it is sent: to `cut` with an end, to all else with what is no JSON. */
const answer = (socket: Socket): void => {
  socket.on('error', () => undefined);
  socket.on('data', (said) => {
    if (said.toString() === 'cut') below.get(socket.remotePort)?.resetAndDestroy();
    else socket.write('{');
  });
};
/** What the servers' connections are made of, by the port at the other end. */
const below = new Map<number | undefined, Socket>();

describe.each<[string, () => Server, string]>([
  [
    'a plain one',
    () => createServer(answer),
    'import { connect } from "node:net";\nconst open = (port, then) => connect(port, "127.0.0.1", then);',
  ],
  [
    'TLS',
    () => createTlsServer({ ...PSK, pskCallback: () => psk }, answer),
    `import { connect } from "node:tls";\nconst open = (port, then) => connect(port, "127.0.0.1", ${OVER_TLS} }, then);`,
  ],
  [
    'TLS above a plain one',
    () => createTlsServer({ ...PSK, pskCallback: () => psk }, answer),
    'import { connect as plain } from "node:net";\nimport { connect } from "node:tls";\n' +
      `const open = (port, then) => connect(${OVER_TLS}, socket: plain(port, "127.0.0.1") }, then);`,
  ],
])('%s', (_what, serve, open) => {
  const server = serve().on('connection', (socket: Socket) => below.set(socket.remotePort, socket));
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => server.close());
  const opening =
    `${open}\nexport default (port) => new Promise((resolve) => {\n` +
    '  globalThis.kept = open(port, () => resolve(process.pid)) })';
  beforeEach(async () => {
    await run(opening, [(server.address() as AddressInfo).port]);
  });

  test('what a listener prints is of the call that runs', async () => {
    const text =
      '() => new Promise((resolve) => {\n' +
      '  globalThis.kept.once("data", (data) => { console.log("heard"); resolve(`${data}`) });\n' +
      '  globalThis.kept.write("say") })';
    const end = await run(text);
    expect(valueOf(end)).toBe('{');
    expect(end.logs?.stdout.head.toString()).toBe('heard\n');
  });

  test.each([
    ['throws', '(data) => resolve(JSON.parse(data))'],
    ['rejects', 'async (data) => resolve(JSON.parse(data))'],
  ])('the call that runs fails where a listener %s', async (_how, listener) => {
    const text = `() => new Promise((resolve) => { globalThis.kept.once("data", ${listener}); globalThis.kept.write("say") })`;
    expect((await run(text)).outcome).toMatchObject({ is: 'failed', kind: 'raised', error: { type: 'SyntaxError' } });
  });

  test('the call that runs fails where nobody listens for the end of it', async () => {
    const { outcome } = await run('() => new Promise(() => { globalThis.kept.write("cut") })');
    const message = expect.stringContaining('ECONNRESET') as string;
    expect(outcome).toMatchObject({ is: 'failed', kind: 'raised', error: { message } });
  });
});

test('what a listener begins between two calls is not of the next one', async () => {
  const connected = Promise.withResolvers<Socket>();
  const server = createServer((socket) => connected.resolve(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // It hears something when its call is over, and fails by what it has begun then once the next call runs.
  const listens =
    'import { connect } from "node:net";\nexport default (port) => new Promise((resolve) => {\n' +
    '  const kept = connect(port, "127.0.0.1", () => resolve(process.pid));\n' +
    '  globalThis.goesOn = new Promise((goOn) => { globalThis.goOn = goOn });\n' +
    '  kept.once("data", async () => { kept.write("heard"); await globalThis.goesOn; throw new Error("of the listener") }) })';
  try {
    const first = valueOf(await run(listens, [(server.address() as AddressInfo).port]));
    const socket = await connected.promise;
    socket.write('hear this');
    await once(socket, 'data');
    const text =
      'async () => { globalThis.goOn(); await globalThis.goesOn;\n' +
      '  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));\n  return process.pid }';
    expect(valueOf(await run(text))).toBe(first);
    socket.destroy();
  } finally {
    server.close();
  }
});

test.each([
  ['fetch', '(port) => { fetch(`http://127.0.0.1:${port}/first`); return process.pid }'],
  [
    'node:http',
    'import { get } from "node:http";\n' +
      'export default (port) => { get(`http://127.0.0.1:${port}/first`); return process.pid }',
  ],
])('a request that a call has forgotten does not fail the next one: %s', async (_by, forgetful) => {
  const server = createHttpServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const coming = once(server, 'request');
  const left = valueOf(await run(forgetful, [port]));
  const [request] = (await coming) as [{ socket: Socket }];
  // Its connection is cut while the second call waits for an answer.
  server.on('request', (_request, response) => {
    request.socket.once('close', () => response.end('of the second'));
    request.socket.resetAndDestroy();
  });
  const text =
    'async (port) => { const said = await (await fetch(`http://127.0.0.1:${port}/second`)).text();\n' +
    '  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));\n  return [process.pid, said] }';
  try {
    expect(valueOf(await run(text, [port]))).toEqual([left, 'of the second']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
