// An answer that comes before its request has: whoever reads only when all is sent gets it, too.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { defaultServiceConfig } from '../../src/config/service.ts';
import { startRig, type Rig } from './harness.ts';

/** More than what both ends' sockets hold. */
const BODY_BYTES = 40_000_000;

const KEY = 'k'.repeat(32);

/** When a service that ends cuts off what is still open. */
const CUT_MS = 5_000;

let rig: Rig;
afterEach(() => rig.stop());

/** Sends it all, then reads, as Python's http.client does; answers the status and the problem's code. */
async function sendThenRead(headers: string, body: Buffer): Promise<[status: number, code: string]> {
  const { hostname, port } = new URL(rig.url);
  const socket = connect(Number(port), hostname).pause();
  await once(socket, 'connect');
  const head = `POST /v1/tasks HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\ncontent-type: application/json\r\n`;
  socket.write(`${head}${headers}\r\n\r\n`);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(body, () => resolve());
  });
  let text = '';
  socket.on('data', (some: Buffer) => (text += some.toString())).resume();
  await once(socket, 'end');
  socket.destroy();
  const [top = '', problem = ''] = text.split('\r\n\r\n');
  return [Number(top.split(' ')[1]), (JSON.parse(problem) as { code: string }).code];
}

it.each([
  ['a body that is too large', `content-length: ${BODY_BYTES}`, Buffer.alloc(BODY_BYTES, ' '), 413, 'body_too_large'],
  [
    'a body in chunks that is too large',
    'transfer-encoding: chunked',
    Buffer.concat([
      Buffer.from(`${BODY_BYTES.toString(16)}\r\n`),
      Buffer.alloc(BODY_BYTES, ' '),
      Buffer.from('\r\n0\r\n\r\n'),
    ]),
    ...([413, 'body_too_large'] as const),
  ],
] as const)('%s is told of', async (_, headers, body, status, code) => {
  const { limits } = defaultServiceConfig;
  rig = await startRig({ config: { ...defaultServiceConfig, limits: { ...limits, maxBodyBytes: 1_000_000 } } });
  expect(await sendThenRead(headers, body)).toEqual([status, code]);
});

it('a caller without a key hears of it, however much it sends', async () => {
  rig = await startRig({ config: { requireKeys: true }, firstKey: KEY });
  const headers = `content-length: ${BODY_BYTES}`;
  expect(await sendThenRead(headers, Buffer.alloc(BODY_BYTES, ' '))).toEqual([401, 'unauthorized']);
});

it('what is left of an answered request does not hold up the end of the service', async () => {
  rig = await startRig({ config: { requireKeys: true }, firstKey: KEY });
  const { hostname, port } = new URL(rig.url);
  // It goes on sending whatever it hears.
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  socket.write(`POST /v1/tasks HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\ncontent-length: 100\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 401 /);
  const began = performance.now();
  await rig.service.close();
  expect(performance.now() - began).toBeLessThan(CUT_MS);
  socket.destroy();
});
