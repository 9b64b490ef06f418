// Why a task has not started, from what the fleet and the queue say. Pure.
import type { Task, WaitReason } from '@mpcsfaas/contract';
import { fits, serves, whyOut } from '../lifecycle/demand.ts';
import { parseLane, laneOf } from '../lifecycle/lane.ts';
import type { LaneDemand } from '../lifecycle/lane.ts';
import type { DispatcherSnapshot, LaneDepth, TaskRecord, WorkerSnapshot } from '../store/index.ts';

/** What is known of the system at one moment. */
export interface Surroundings {
  fleet: readonly DispatcherSnapshot[];
  lanes: readonly LaneDepth[];
}

/** Null where the task does not wait. */
export function whyItWaits(record: TaskRecord, around: Surroundings): Task['waits'] {
  if (record.state === 'DELAYED') return why('delayed', `It may start at ${new Date(record.dueAt).toISOString()}.`);
  if (record.state === 'BLOCKED') return why('blocked', 'It waits for the end of other tasks.');
  if (record.state !== 'QUEUED') return null;
  const workers = around.fleet.flatMap(({ workers }) => workers).filter(({ state }) => state === 'ready');
  if (workers.length === 0) return why('no_worker', `No worker is connected. ${howToStart(around.fleet)}`);
  const lane = laneOf(record.spec);
  const demand = parseLane(lane);
  const fitting = workers.filter((worker) => serves(worker, demand));
  if (fitting.length === 0) return why('no_worker_with_runtime', nobodyFits(workers, demand));
  const waiting = around.lanes.find((depth) => depth.lane === lane)?.waiting ?? 1;
  const slots = fitting.reduce((sum, worker) => sum + worker.slots, 0);
  const busy = fitting.reduce((sum, worker) => sum + worker.busy, 0);
  return why('behind_others', `${waiting} such tasks wait; ${busy} of the ${slots} slots that can run them are busy.`);
}

function why(reason: WaitReason, detail: string): Task['waits'] {
  return { reason, detail };
}

/** What a worker connects to is known where there is a dispatcher for workers. */
function howToStart(fleet: readonly DispatcherSnapshot[]): string {
  const dispatcher = fleet.find(({ mode }) => mode === 'pull' || mode === 'push');
  if (dispatcher === undefined) return 'Start one, or run `mpcsfaas up`.';
  const { mode, address, host } = dispatcher;
  return `Start one: \`mpcsfaas worker ${mode} ${address.replace('0.0.0.0', host)}\`.`;
}

function nobodyFits(workers: readonly WorkerSnapshot[], demand: LaneDemand): string {
  const out = workers
    .flatMap(({ runtimes }) => runtimes)
    .filter((runtime) => fits(runtime, demand))
    .map((runtime) => whyOut(runtime, demand))
    .find((sentence) => sentence !== '');
  const python = demand.python === '' ? '' : ` ${demand.python}`;
  const labels = demand.labels.length === 0 ? '' : ` and the labels ${demand.labels.join(', ')}`;
  const sentence = `No connected worker has ${demand.runtime}${python}${labels}.`;
  if (out !== undefined) return `${sentence} One is out of order: ${out.replace(/\.?$/, '.')}`;
  return `${sentence} Start one that has, or ask for less.`;
}
