// What one hop between two processes costs on this machine before any work is done: a byte over TCP and back, back to back
// and with pauses. With pauses everything is cold (caches, TLB, branch predictor): no call can be faster than its hops.
// usage: node bench/floor.ts
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { quantile } from './statistics.ts';

const WARM_UP = 20_000;
const PAUSES_MS = [0, 1, 4];

if (process.send === undefined) await measure();
else serve();

function serve(): void {
  const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port));
  process.on('message', () => process.send!(cpuUs()));
  process.on('disconnect', () => process.exit(0));
}

async function measure(): Promise<void> {
  const echo = fork(fileURLToPath(import.meta.url));
  const [port] = (await once(echo, 'message')) as [number];
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
  socket.destroy();
  echo.disconnect();
}

/** CPU of this process so far, µs. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
