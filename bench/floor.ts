// What this machine takes before any work is done. One hop between two processes: a byte over TCP and back, back to back and
// with pauses. With pauses everything is cold (caches, TLB, branch predictor): no call can be faster than its hops. The same with
// a megabyte: no large payload costs less than its hops. And one request: a bare node:http server that answers at once, with the
// load generator of T2: no service can take more.
// usage: node bench/floor.ts
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect as connectHttp } from './http.ts';
import { quantile } from './statistics.ts';

const WARM_UP = 20_000;
const PAUSES_MS = [0, 1, 4];
const MB = 1_000_000;
const TIMES_MB = 500;
const CONNECTIONS = 64;
const HTTP_MS = 5000;

if (process.send === undefined) await measure();
else serve();

function serve(): void {
  const echo = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  const http = createHttpServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-length': 1 }).end('7'));
  });
  void Promise.all([echo, http].map(listening)).then((ports) => process.send!(ports));
  process.on('message', () => process.send!(cpuUs()));
  process.on('disconnect', () => process.exit(0));
}

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function measure(): Promise<void> {
  const echo = fork(fileURLToPath(import.meta.url));
  const [[port, httpPort]] = (await once(echo, 'message')) as [[number, number]];
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  const hop = async (): Promise<number> => {
    const sent = performance.now();
    const back = once(socket, 'data');
    socket.write('x');
    await back;
    return performance.now() - sent;
  };
  const echoCpu = async (): Promise<number> => {
    echo.send('cpu?');
    return ((await once(echo, 'message')) as [number])[0];
  };
  for (let n = 0; n < WARM_UP; n += 1) await hop();
  for (const ms of PAUSES_MS) {
    const times: number[] = [];
    const before = [cpuUs(), await echoCpu()] as const;
    const count = ms === 0 ? WARM_UP : 1000;
    for (let n = 0; n < count; n += 1) {
      times.push(await hop());
      if (ms > 0) await pause(ms);
    }
    const [own, other] = [cpuUs() - before[0], (await echoCpu()) - before[1]].map((us) => (us / count).toFixed(0));
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)].map((time) => time.toFixed(3));
    const how = ms === 0 ? 'back to back' : `every ${ms} ms`;
    console.log(
      `${how.padEnd(12)}  there and back p50 ${p50} ms, p99 ${p99} ms; CPU ${own} µs here, ${other} µs there`,
    );
  }
  await megabytes(socket, TIMES_MB / 5);
  const beforeMb = [cpuUs(), await echoCpu()] as const;
  await megabytes(socket, TIMES_MB);
  const both = cpuUs() - beforeMb[0] + (await echoCpu()) - beforeMb[1];
  console.log(`a megabyte    CPU ${(both / (2 * TIMES_MB)).toFixed(0)} µs a hop, both ends together`);
  socket.destroy();
  await requests(httpPort, HTTP_MS / 2);
  const before = [cpuUs(), await echoCpu()] as const;
  const count = await requests(httpPort, HTTP_MS);
  const [own, other] = [cpuUs() - before[0], (await echoCpu()) - before[1]].map((us) => (us / count).toFixed(0));
  const rate = Math.round((count * 1000) / HTTP_MS);
  console.log(`node:http     ${rate} requests/s, ${CONNECTIONS} connections; CPU ${own} µs here, ${other} µs there`);
  echo.disconnect();
}

/** Sends a megabyte there and back, so many times. */
async function megabytes(socket: Socket, times: number): Promise<void> {
  const data = Buffer.alloc(MB, 7);
  for (let n = 0; n < times; n += 1) {
    let missing = MB;
    await new Promise<void>((resolve) => {
      const take = (chunk: Buffer): void => {
        missing -= chunk.length;
        if (missing > 0) return;
        socket.off('data', take);
        resolve();
      };
      socket.on('data', take).write(data);
    });
  }
}

/** How many requests of T2's kind are answered in `ms`. */
async function requests(port: number, ms: number): Promise<number> {
  const client = connectHttp(`http://127.0.0.1:${port}`, CONNECTIONS);
  const until = performance.now() + ms;
  let count = 0;
  const lane = async (): Promise<void> => {
    for (; performance.now() < until; count += 1) await client.send('POST', '/v1/call/any', '{"args":[7]}');
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  client.close();
  return count;
}

/** CPU of this process so far, µs. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
