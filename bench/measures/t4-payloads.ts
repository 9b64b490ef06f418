// T4: large arguments and results, in raw frames, and base64 in JSON beside it.
import { randomBytes } from 'node:crypto';
import { barePaths, overBare } from '../bare/index.ts';
import { contest, type Contest, type Contestant, type Score } from '../contest.ts';
import { repeated } from '../load.ts';
import { atLeast, atMost, inTurns, medianOf } from '../measure.ts';
import type { Figure, Measure, Outcome, Plan, Target } from '../measure.ts';
import { forgetPeak, peakOf, residentOf } from '../memory.ts';
import type { Running, Shared } from '../ours.ts';
import { subjects, type Subject } from './durability.ts';
import { encoded, framed, throughBare, type Send } from './large-calls.ts';

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
const MB = 1e6;

export const t4: Measure = {
  id: 'T4',
  title: 'an argument and a result of 100 kB, 1 MB, 50 MB',
  played: (plan) => `${inTurns(plan)}, one size after the other on the same systems`,
  run: async (plan) => {
    const sizes = plan.quick ? SIZES.slice(0, 2) : SIZES;
    const ours = subjects(plan, plan.quick ? ['redis push'] : ['embedded local', 'redis push']);
    const shared = plan.systems();
    // Systems of their own for base64: what it leaves in a program's memory is none of the frames'.
    const apart = plan.systems();
    const open: Open[] = [];
    const figures: Figure[] = [];
    const targets: Target[] = [];
    try {
      for (const subject of ours) open.push(await opened(subject, shared));
      for (const size of sizes) {
        const { scores, figures: rates } = await contest(contestants(size, ours, shared, apart, plan), plan);
        figures.push(...rates);
        for (const one of open.filter(({ subject }) => subject.usual)) {
          const name = rowOf(one.subject, size);
          const reached = medianOf(rates, name);
          targets.push(atLeast(name, 'tasks/s', size.want, reached));
          const memory = memoryOf(one, size, scores);
          figures.push(...memory.figures);
          targets.push(...memory.targets);
          plan.note(`${name}: ${reached.toFixed(1)} tasks/s`);
        }
      }
    } finally {
      await Promise.all(open.map(({ stop }) => stop()));
    }
    const overBound = sizes.flatMap(({ label }) => overBare(figures, (form) => `ours ${form}`, `, ${label}, frames`));
    const connections = SIZES.map((size) => `${size.label}: ${size.connections}`).join(', ');
    const notes = [
      `calls in flight: ${connections}; in flight = argument and result of each; peak = VmHWM, the largest of the runs with frames; grew by = peak ` +
        `less what was resident before the first call of any size; at 100 kB all payloads in flight together are 1.6 MB`,
      'frames: one request, submit and wait in one; base64 in JSON: two, a submit and a fetch, on systems of their own',
    ];
    return { figures: [...figures, ...overBound], targets, notes, plots: {} };
  },
};

/** A system that lives from the first size to the last. */
interface Open {
  subject: Subject;
  /** Resident before its first call, bytes by program. */
  atRest: Record<string, number>;
  stop: () => Promise<void>;
}

async function opened(subject: Subject, shared: Shared): Promise<Open> {
  const running = await shared.use(subject.options);
  return { subject, atRest: bytesBy(programsOf(running), residentOf), stop: running.stop };
}

function contestants(size: Size, ours: readonly Subject[], shared: Shared, apart: Shared, plan: Plan): Contestant[] {
  const { bytes, connections, label, onBarePath } = size;
  const data = randomBytes(bytes);
  const load = (send: Send, seconds: number): Promise<Score> =>
    repeated(async () => ((await send(data)) ? 0 : 1), { connections, batch: 1, seconds });
  const frames = ours.map((subject) =>
    shared.contestant(rowOf(subject, size), subject.options, (running, seconds) =>
      watched(running, () => load(framed(running), seconds)),
    ),
  );
  const base64 = ours
    .filter(({ usual }) => usual)
    .map(({ name, options }) =>
      apart.contestant(`${name}, ${label}, base64 in JSON`, options, (running, seconds) =>
        load(encoded(running), seconds),
      ),
    );
  const bare = barePaths((client, seconds) => load(throughBare(client), seconds)).map((path) => ({
    ...path,
    name: `${path.name}, ${label}, frames`,
  }));
  return [...frames, ...base64, ...(plan.quick || !onBarePath ? [] : bare)];
}

function rowOf({ name }: Subject, { label }: Size): string {
  return `${name}, ${label}, frames`;
}

/** What its programs came to, at most, in the runs with frames. */
function memoryOf(
  { subject, atRest }: Open,
  size: Size,
  scores: Contest['scores'],
): Pick<Outcome, 'figures' | 'targets'> {
  const name = `${subject.name}, ${size.label}`;
  const runs = scores.get(rowOf(subject, size)) ?? [];
  // An argument and its result are in flight for each connection.
  const inFlight = 2 * size.bytes * size.connections;
  const figures: Figure[] = [];
  const targets: Target[] = [];
  for (const [program, before] of Object.entries(atRest)) {
    const peak = Math.max(...runs.map(({ peaks }) => peaks?.[program] ?? Number.NaN));
    const grown = Math.max(0, peak - before);
    figures.push({ name: `${name}, peak of ${program}`, unit: 'MB', samples: [peak / MB] });
    figures.push({ name: `${name}, ${program} grew by`, unit: 'MB', samples: [grown / MB] });
    targets.push(atMost(`${name}, ${program} grew by ÷ payloads in flight`, '×', 4, grown / inFlight));
  }
  return { figures, targets };
}

/** Plays, and tells the most that was resident meanwhile. */
async function watched(running: Running, play: () => Promise<Score>): Promise<Score> {
  const programs = programsOf(running);
  Object.values(programs).forEach(forgetPeak);
  const score = await play();
  return { ...score, peaks: bytesBy(programs, peakOf) };
}

function bytesBy(programs: Record<string, number>, bytesOf: (pid: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(programs).map(([name, pid]) => [name, bytesOf(pid)]));
}

function programsOf({ system }: Running): Record<string, number> {
  const { service, dispatcher, workers } = system;
  if (service === dispatcher) return { up: service.pid };
  return { service: service.pid, dispatcher: dispatcher.pid, worker: workers[0]!.pid };
}
