// T4: large arguments and results, in raw frames, and base64 in JSON beside it.
import { randomBytes } from 'node:crypto';
import { FRAMES } from '@mpcsfaas/contract';
import type { Score } from '../contest.ts';
import type { Client } from '../http.ts';
import { atLeast, atMost, medianOf, type Figure, type Measure, type Target } from '../measure.ts';
import { forgetPeak, peakOf, residentOf } from '../memory.ts';
import type { Running } from '../ours.ts';
import { median } from '../statistics.ts';

interface Size {
  label: string;
  bytes: number;
  connections: number;
  want: number;
}

const SIZES: readonly Size[] = [
  { label: '100 kB', bytes: 100_000, connections: 8, want: 1000 },
  { label: '1 MB', bytes: 1_000_000, connections: 4, want: 150 },
  { label: '50 MB', bytes: 50_000_000, connections: 2, want: 2 },
];
/** Kept no longer than need be: these payloads would fill the store. */
const OPTIONS = { result_ttl_ms: 10_000 };
const MB = 1e6;

export const t4: Measure = {
  id: 'T4',
  title: 'an argument and a result of 100 kB, 1 MB, 50 MB',
  run: async (plan) => {
    const figures: Figure[] = [];
    const targets: Target[] = [];
    for (const form of plan.quick ? (['redis push'] as const) : (['embedded local', 'redis push'] as const)) {
      const running = await plan.systems().use({ form });
      const programs = programsOf(running);
      const atRest = Object.values(programs).map(residentOf);
      try {
        for (const size of plan.quick ? SIZES.slice(0, 2) : SIZES) {
          const data = randomBytes(size.bytes);
          const name = `ours ${form}, ${size.label}`;
          const load = async (send: typeof framed, runs: number): Promise<number[]> => {
            const rates: number[] = [];
            for (let run = 0; run < runs; run += 1) {
              const { tasks, seconds } = await loaded(running, send, data, size.connections, plan.seconds);
              rates.push(tasks / seconds);
            }
            return rates;
          };
          Object.values(programs).forEach(forgetPeak);
          await load(framed, 1);
          figures.push({ name: `${name}, frames`, unit: 'tasks/s', samples: await load(framed, plan.runs) });
          targets.push(atLeast(`${name}, frames`, 'tasks/s', size.want, medianOf(figures, `${name}, frames`)));
          // An argument and its result are in flight for each connection.
          const inFlight = 2 * size.bytes * size.connections;
          Object.entries(programs).forEach(([program, pid], n) => {
            const peak = peakOf(pid);
            const grown = Math.max(0, peak - (atRest[n] ?? 0));
            figures.push({ name: `${name}, peak of ${program}`, unit: 'MB', samples: [peak / MB] });
            figures.push({ name: `${name}, ${program} grew by`, unit: 'MB', samples: [grown / MB] });
            targets.push(atMost(`${name}, ${program} grew by ÷ payloads in flight`, '×', 4, grown / inFlight));
          });
          const base64 = await load(encoded, plan.quick ? 1 : plan.runs);
          figures.push({ name: `${name}, base64 in JSON`, unit: 'tasks/s', samples: base64 });
          plan.note(`${name}: ${median(medianSamples(figures, `${name}, frames`)).toFixed(1)} tasks/s`);
        }
      } finally {
        await running.stop();
      }
    }
    const connections = SIZES.map((size) => `${size.label}: ${size.connections}`).join(', ');
    const notes = [
      `calls in flight: ${connections}; in flight = argument and result of each; peak = VmHWM; grew by = peak less ` +
        `what was resident before the first call of any size; at 100 kB all payloads in flight together are 1.6 MB`,
    ];
    return { figures, targets, notes, plots: {} };
  },
};

function medianSamples(figures: readonly Figure[], name: string): number[] {
  return figures.find((figure) => figure.name === name)?.samples ?? [];
}

function programsOf({ system }: Running): Record<string, number> {
  const { service, dispatcher, workers } = system;
  if (service === dispatcher) return { up: service.pid };
  return { service: service.pid, dispatcher: dispatcher.pid, worker: workers[0]!.pid };
}

type Send = (client: Client, id: string, data: Buffer) => Promise<boolean>;

async function loaded(
  { client, noop }: Running,
  send: Send,
  data: Buffer,
  connections: number,
  seconds: number,
): Promise<Score> {
  const started = performance.now();
  const score = { tasks: 0, wrong: 0 };
  const lane = async (): Promise<void> => {
    do {
      if (!(await send(client, noop.python, data))) score.wrong += 1;
      score.tasks += 1;
    } while (performance.now() - started < seconds * 1000);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  if (score.wrong > 0) throw new Error(`${score.wrong} of ${score.tasks} large results are wrong`);
  return { ...score, seconds: (performance.now() - started) / 1000 };
}

/** Raw both ways: frames in, the pickle's bytes out. */
async function framed(client: Client, id: string, data: Buffer): Promise<boolean> {
  const header = Buffer.from(JSON.stringify({ args_pickle: { frame: 0 }, options: OPTIONS }));
  const [head, tail] = pickleAround(data);
  const body = Buffer.concat([
    length(header.length),
    header,
    length(head.length + data.length + tail.length),
    head,
    data,
    tail,
  ]);
  const { status, bytes } = await client.send('POST', `/v1/call/${id}?wait_ms=60000`, body, { 'content-type': FRAMES });
  return status === 200 && holds(bytes, data);
}

async function encoded(client: Client, id: string, data: Buffer): Promise<boolean> {
  const [head, tail] = pickleAround(data);
  const body = { function: id, args_pickle: Buffer.concat([head, data, tail]).toString('base64'), options: OPTIONS };
  const { task_id: task } = await client.json<{ task_id: string }>('/v1/tasks', body);
  const { pickle = '' } = await client.read<{ pickle?: string }>(`/v1/tasks/${task}/result?wait_ms=60000`);
  return holds(Buffer.from(pickle, 'base64'), data);
}

/** What stands before and after the bytes in the pickle of `((bytes,), {})`: BINBYTES; TUPLE1, a dict, TUPLE2. */
function pickleAround(data: Buffer): [Buffer, Buffer] {
  const head = Buffer.from([0x80, 3, 0x42, 0, 0, 0, 0]);
  head.writeUInt32LE(data.length, 3);
  return [head, Buffer.from([0x85, 0x7d, 0x86, 0x2e])];
}

/** Is this a pickle of these bytes? They stand at its end, before STOP and perhaps one opcode that memoizes them. */
function holds(pickle: Buffer, data: Buffer): boolean {
  return [1, 2, 3].some((tail) => {
    const end = pickle.length - tail;
    return end >= data.length && data.equals(pickle.subarray(end - data.length, end));
  });
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
