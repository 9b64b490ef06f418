// A classic server that answers at once: the bound for what clients that poll can reach. Prints its URL.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const TASK = '00000000-0000-7000-8000-000000000000';
/** The pickle of 7, base64. */
const RESULT = Buffer.from([0x80, 2, 0x4b, 7, 0x2e]).toString('base64');

const server = createServer((request, response) => {
  const answer =
    request.method === 'POST' ? { task_id: TASK } : { task_id: TASK, status: 'COMPLETED', result: `${RESULT}\n` };
  request.resume().on('end', () => {
    const body = JSON.stringify(answer);
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body);
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port} is ready`);
});
