// T4: large arguments and results, in raw frames, and base64 in JSON beside it.
import { randomBytes } from 'node:crypto';
import { FRAMES } from '@mpcsfaas/contract';
import { bareCall, bareName, openBare, overBare, type OpenBare } from '../bare/index.ts';
import type { Client } from '../http.ts';
import { atLeast, atMost, medianOf, type Figure, type Measure, type Target } from '../measure.ts';
import { forgetPeak, peakOf, residentOf } from '../memory.ts';
import type { Running } from '../ours.ts';

interface Size {
  label: string;
  bytes: number;
  connections: number;
  want: number;
  /** The bare path tells a result by announcing it, and Redis cuts off who is to hear 32 MB at once. */
  onBarePath: boolean;
}

const SIZES: readonly Size[] = [
  { label: '100 kB', bytes: 100_000, connections: 8, want: 1000, onBarePath: true },
  { label: '1 MB', bytes: 1_000_000, connections: 4, want: 150, onBarePath: true },
  { label: '50 MB', bytes: 50_000_000, connections: 2, want: 2, onBarePath: false },
];
/** Kept no longer than need be: these payloads would fill the store. */
const OPTIONS = { result_ttl_ms: 10_000 };
const MB = 1e6;

export const t4: Measure = {
  id: 'T4',
  title: 'an argument and a result of 100 kB, 1 MB, 50 MB',
  played: (plan) =>
    `${plan.runs} runs of ${plan.seconds} s, frames in turns with the bare path after one run of each, base64 after them; form after form`,
  run: async (plan) => {
    const sizes = plan.quick ? SIZES.slice(0, 2) : SIZES;
    const figures: Figure[] = [];
    const targets: Target[] = [];
    for (const form of plan.quick ? (['redis push'] as const) : (['embedded local', 'redis push'] as const)) {
      const running = await plan.systems().use({ form });
      let bare: OpenBare | undefined;
      const programs = Object.entries(programsOf(running)).map(([name, pid]) => ({
        name,
        pid,
        atRest: residentOf(pid),
      }));
      try {
        if (!plan.quick) bare = await openBare(form);
        const hopsOf = bare?.client;
        for (const size of sizes) {
          const name = `ours ${form}, ${size.label}`;
          const data = randomBytes(size.bytes);
          const load = (send: Send): Promise<number> => rate(() => send(data), size.connections, plan.seconds);
          programs.forEach(({ pid }) => forgetPeak(pid));
          const [ours, hops] = await inTurns(
            plan.runs,
            () => load(framed(running)),
            hopsOf !== undefined && size.onBarePath ? () => load(throughBare(hopsOf)) : undefined,
          );
          figures.push({ name: `${name}, frames`, unit: 'tasks/s', samples: ours });
          if (hops.length > 0) {
            figures.push({ name: `${bareName(form)}, ${size.label}, frames`, unit: 'tasks/s', samples: hops });
          }
          const reached = medianOf(figures, `${name}, frames`);
          targets.push(atLeast(`${name}, frames`, 'tasks/s', size.want, reached));
          // An argument and its result are in flight for each connection.
          const inFlight = 2 * size.bytes * size.connections;
          for (const { name: program, pid, atRest } of programs) {
            const peak = peakOf(pid);
            const grown = Math.max(0, peak - atRest);
            figures.push({ name: `${name}, peak of ${program}`, unit: 'MB', samples: [peak / MB] });
            figures.push({ name: `${name}, ${program} grew by`, unit: 'MB', samples: [grown / MB] });
            targets.push(atMost(`${name}, ${program} grew by ÷ payloads in flight`, '×', 4, grown / inFlight));
          }
          const base64: number[] = [];
          for (let run = 0; run < (plan.quick ? 1 : plan.runs); run += 1) base64.push(await load(encoded(running)));
          figures.push({ name: `${name}, base64 in JSON`, unit: 'tasks/s', samples: base64 });
          plan.note(`${name}: ${reached.toFixed(1)} tasks/s`);
        }
      } finally {
        await Promise.all([running.stop(), bare?.stop()]);
      }
    }
    const overBound = sizes.flatMap(({ label }) => overBare(figures, (form) => `ours ${form}`, `, ${label}, frames`));
    const connections = SIZES.map((size) => `${size.label}: ${size.connections}`).join(', ');
    const notes = [
      `calls in flight: ${connections}; in flight = argument and result of each; peak = VmHWM; grew by = peak less ` +
        `what was resident before the first call of any size; at 100 kB all payloads in flight together are 1.6 MB`,
    ];
    return { figures: [...figures, ...overBound], targets, notes, plots: {} };
  },
};

/** What so many runs of each brought, in turns, after one of each that warms up. */
async function inTurns(
  runs: number,
  ours: () => Promise<number>,
  other: (() => Promise<number>) | undefined,
): Promise<[number[], number[]]> {
  const samples: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    samples[0].push(await ours());
    if (other !== undefined) samples[1].push(await other());
  }
  return [samples[0].slice(1), samples[1].slice(1)];
}

function programsOf({ system }: Running): Record<string, number> {
  const { service, dispatcher, workers } = system;
  if (service === dispatcher) return { up: service.pid };
  return { service: service.pid, dispatcher: dispatcher.pid, worker: workers[0]!.pid };
}

/** Sends one call with this argument; was it what came back? */
type Send = (data: Buffer) => Promise<boolean>;

/** Calls a second, of so many at a time. */
async function rate(send: () => Promise<boolean>, connections: number, seconds: number): Promise<number> {
  const started = performance.now();
  let tasks = 0;
  let wrong = 0;
  const lane = async (): Promise<void> => {
    do {
      if (!(await send())) wrong += 1;
      tasks += 1;
    } while (performance.now() - started < seconds * 1000);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  if (wrong > 0) throw new Error(`${wrong} of ${tasks} large results are wrong`);
  return (tasks * 1000) / (performance.now() - started);
}

/** Raw both ways: frames in, the pickle's bytes out. */
function framed({ client, noop }: Running): Send {
  const header = Buffer.from(JSON.stringify({ args_pickle: { frame: 0 }, options: OPTIONS }));
  return async (data) => {
    const [head, tail] = pickleAround(data);
    const args = length(head.length + data.length + tail.length);
    const body = Buffer.concat([length(header.length), header, args, head, data, tail]);
    const path = `/v1/call/${noop.python}?wait_ms=60000`;
    const { status, bytes } = await client.send('POST', path, body, { 'content-type': FRAMES });
    return status === 200 && holds(bytes, data);
  };
}

function encoded({ client, noop }: Running): Send {
  return async (data) => {
    const args = pickled(data).toString('base64');
    const body = { function: noop.python, args_pickle: args, options: OPTIONS };
    const { task_id: task } = await client.json<{ task_id: string }>('/v1/tasks', body);
    const { pickle = '' } = await client.read<{ pickle?: string }>(`/v1/tasks/${task}/result?wait_ms=60000`);
    return holds(Buffer.from(pickle, 'base64'), data);
  };
}

function throughBare(client: Client): Send {
  return async (data) => {
    const { status, bytes } = await bareCall(client, pickled(data));
    return status === 200 && holds(bytes, data);
  };
}

function pickled(data: Buffer): Buffer {
  const [head, tail] = pickleAround(data);
  return Buffer.concat([head, data, tail]);
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
