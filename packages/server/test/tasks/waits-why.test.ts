// Why a task waits, by runtime, Python version and labels.
import { describe, expect, it } from 'vitest';
import { whyItWaits } from '../../src/tasks/waits-why.ts';
import type { DispatcherSnapshot, TaskRecord, WorkerSnapshot } from '../../src/store/index.ts';

function queued(demand: { runtime?: string; python?: string; labels?: readonly string[] }): TaskRecord {
  const spec = { runtime: 'python', python: '', labels: [], at_most_once: false, ...demand };
  // Only what the question reads.
  return { state: 'QUEUED', spec } as unknown as TaskRecord;
}

function fleetOf(worker: Partial<WorkerSnapshot>): readonly DispatcherSnapshot[] {
  const python = { runtime: 'python', version: '3.11.2', broken: '' };
  const whole = { state: 'ready', slots: 2, busy: 2, labels: ['gpu=a100', 'big'], runtimes: [python], ...worker };
  return [{ workers: [whole] } as unknown as DispatcherSnapshot];
}

describe('whyItWaits', () => {
  it.each([
    [{}, {}, 'behind_others'],
    [{ python: '3.11' }, {}, 'behind_others'],
    [{ python: '3.1' }, {}, 'no_worker_with_runtime'],
    [{ python: '3.12' }, {}, 'no_worker_with_runtime'],
    [{ labels: ['gpu'] }, {}, 'behind_others'],
    [{ labels: ['gpu=a100', 'big'] }, {}, 'behind_others'],
    [{ labels: ['gpu=h100'] }, {}, 'no_worker_with_runtime'],
    [{ labels: ['gp'] }, {}, 'no_worker_with_runtime'],
    [{ labels: ['z=a'] }, { labels: ['z=a=b'] as string[] }, 'no_worker_with_runtime'],
    [{ runtime: 'javascript' }, {}, 'no_worker_with_runtime'],
    [{}, { state: 'draining' }, 'no_worker'],
  ] as const)('%j with %j: %s', (demand, worker, reason) => {
    const around = { fleet: fleetOf(worker), lanes: [] };
    expect(whyItWaits(queued(demand), around)?.reason).toBe(reason);
  });

  it.each([
    [[], 'Start one, or run `mpcsfaas up`.'],
    [[{ mode: 'local', address: '' }], 'Start one, or run `mpcsfaas up`.'],
    [[{ mode: 'push', address: 'tcp://10.0.0.2:5555' }], 'Start one: `mpcsfaas worker push tcp://10.0.0.2:5555`.'],
    [
      [{ mode: 'local' }, { mode: 'pull', address: 'tcp://0.0.0.0:5555', host: 'one' }],
      'Start one: `mpcsfaas worker pull tcp://one:5555`.',
    ],
  ])('with no worker and the dispatchers %j: %s', (dispatchers, advice) => {
    const fleet = dispatchers.map((one) => ({ ...one, workers: [] }) as unknown as DispatcherSnapshot);
    const detail = `No worker is connected. ${advice}`;
    expect(whyItWaits(queued({}), { fleet, lanes: [] })).toEqual({ reason: 'no_worker', detail });
  });

  it('says what no worker has', () => {
    const told = whyItWaits(queued({ labels: ['x'], python: '3.11' }), { fleet: fleetOf({}), lanes: [] });
    expect(told?.detail).toBe(
      'No connected worker has python 3.11 and the labels x. Start one that has, or ask for less.',
    );
  });

  it('names what is out of order', () => {
    const broken = { runtime: 'python' as const, version: '3.11.2', broken: 'dill is missing.' };
    const told = whyItWaits(queued({}), { fleet: fleetOf({ runtimes: [broken] }), lanes: [] });
    expect(told?.detail).toContain('dill is missing.');
  });
});
