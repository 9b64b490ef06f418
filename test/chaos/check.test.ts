// The judge judged: a run in which all is well passes, and each thing that must never happen is found.
import { describe, expect, it } from 'vitest';
import type { Books, TaskRecord } from './books.ts';
import { check, tally, tooFew, type Evidence } from './check.ts';
import type { Entry, FaultNote } from './ledger.ts';
import { grown } from './orphans.ts';
import { isClean, neverRecovered, quietAfter } from './recovery.ts';
import type { Reported } from './reports.ts';

/** One task of each kind, ended as it should. */
class Run {
  readonly entries = new Map<number, Entry>();
  readonly faults: FaultNote[] = [];
  readonly seen: { invariant: string; what: string; label?: number }[] = [];
  readonly reported = new Map<number, Reported>();
  readonly tasks = new Map<string, TaskRecord>();
  counters: Partial<Books> = {};

  constructor() {
    this.add(1, {});
    this.add(2, { atMostOnce: true });
    this.add(3, { key: 'key' });
    this.add(4, {}, 'CANCELED', 'canceled');
    this.entry(4).cancel = { sentAt: 1300, answer: 'canceled', answeredAt: 1400 };
    this.entry(3).acks.push({ id: 'task-3', at: 1200 });
  }

  add(label: number, more: Partial<Entry>, status = 'COMPLETED', kind = ''): void {
    const id = `task-${label}`;
    const read = { at: 2000, status, kind, digest: 'd', wrong: '' };
    this.entries.set(label, {
      ...{ label, call: 'quick', via: 'v1', key: undefined, atMostOnce: false, retries: 0, sentAt: 1000 },
      ...{
        acks: [{ id, at: 1100 }],
        doubts: [],
        refusals: [],
        reads: [read, { ...read, at: 9000 }],
        cancel: undefined,
      },
      ...more,
    });
    const start = { at: 1200, pid: 1, worker: 'worker-1' };
    this.reported.set(label, { starts: [start], ends: [1250], seen: 1250, running: undefined });
    this.tasks.set(id, {
      ...{ id, status, kind, attempt: 1, losses: 0, maxAttempts: 3, worker: 'w', history: [], label },
    });
  }

  entry(label: number): Entry {
    return this.entries.get(label)!;
  }

  task(label: number): TaskRecord {
    return this.tasks.get(`task-${label}`)!;
  }

  starts(label: number, times: number): void {
    const one = this.reported.get(label)!;
    one.starts = Array.from({ length: times }, () => one.starts[0]!);
  }

  evidence(): Evidence {
    const listed = [...this.tasks.values()];
    const ended: Record<string, number> = {};
    for (const { status, kind } of listed) {
      const word = status === 'COMPLETED' ? status : kind;
      ended[word] = (ended[word] ?? 0) + 1;
    }
    const books: Books = {
      ...{ tasks: this.tasks, submitted: listed.length, ended, states: {} },
      metrics: { submitted: listed.length, ended: listed.length },
      ...this.counters,
    };
    return { ledger: this, reported: this.reported, books, apart: 0 };
  }

  found(): string[] {
    return [...new Set(check(this.evidence()).map(({ invariant }) => invariant))].sort();
  }
}

it('finds nothing where all is well', () => {
  const run = new Run();
  expect(check(run.evidence())).toEqual([]);
  expect(tally(run.evidence(), [])).toMatchObject({
    submitted: 4,
    acknowledged: 4,
    succeeded: 4,
    lost: 0,
    duplicates: 0,
  });
});

/** As the ledger knows a worker that is cut off from all. */
const WIRES = 'worker wire worker-2 dispatcher-1, worker wire worker-2 dispatcher-2: silence (requests)';

/** Its attempts used up, as the client read it. */
function isLost(run: Run, label: number, more: Partial<Entry>, wrong: string): void {
  Object.assign(run.entry(label), more);
  Object.assign(run.task(label), { status: 'FAILED', kind: 'lost', losses: 3, attempt: 3 });
  const reads = run.entry(label).reads;
  for (const read of reads) Object.assign(read, { status: 'FAILED', kind: 'lost' });
  reads[0]!.wrong = wrong;
}

const BREAKS: [what: string, invariants: string[], act: (run: Run) => void][] = [
  ['an acknowledged task is not there', ['I1', 'I9'], (run) => run.tasks.delete('task-1')],
  [
    'a task never ends',
    ['I1', 'I4', 'I9'],
    (run) => {
      run.task(1).status = 'RUNNING';
      run.entry(1).reads = [];
    },
  ],
  ['an end is kept from its client', ['I1'], (run) => void (run.entry(1).reads = [])],
  ['an end changes its value', ['I2'], (run) => void (run.entry(1).reads[1]!.digest = 'other')],
  ['an end changes its status', ['I2'], (run) => void (run.entry(1).reads[1]!.status = 'FAILED')],
  ['the record says another end', ['I2'], (run) => Object.assign(run.task(1), { status: 'FAILED', kind: 'raised' })],
  ['a value is wrong', ['wrong result'], (run) => void (run.entry(1).reads[0]!.wrong = 'not 2')],
  ['nobody canceled it', ['wrong result'], (run) => void (run.entry(4).cancel = undefined)],
  [
    'it is lost before its attempts are used up',
    ['wrong result'],
    (run) => {
      Object.assign(run.task(1), { status: 'FAILED', kind: 'lost', losses: 1 });
      for (const read of run.entry(1).reads) Object.assign(read, { status: 'FAILED', kind: 'lost' });
    },
  ],
  [
    'it starts twice without a fault',
    ['I3'],
    (run) => {
      run.starts(1, 2);
      run.task(1).attempt = 2;
    },
  ],
  [
    'it starts twice under one claim',
    ['I3'],
    (run) => {
      run.starts(1, 2);
      run.faults.push({ fault: 'F1 kill worker', target: 'worker-1', from: 1150, to: 1900 });
    },
  ],
  [
    'it starts twice, and the fault was another worker’s',
    ['I3'],
    (run) => {
      run.starts(1, 2);
      run.task(1).attempt = 2;
      run.faults.push({ fault: 'F1 kill runner', target: 'worker-2 4711', from: 1150, to: 1900 });
      run.faults.push({ fault: 'F5 worker cut off', target: WIRES, from: 1150, to: 1900 });
    },
  ],
  ['at most once is twice', ['I3'], (run) => run.starts(2, 2)],
  [
    'at most once is lost without a fault',
    ['wrong result'],
    (run) => {
      Object.assign(run.task(2), { status: 'FAILED', kind: 'lost', losses: 1 });
      for (const read of run.entry(2).reads) Object.assign(read, { status: 'FAILED', kind: 'lost' });
    },
  ],
  [
    'a hostile function is lost in other words than it should be',
    ['wrong result'],
    (run) => isLost(run, 1, { call: 'exits' }, 'expected exit code 3'),
  ],
  [
    'a hostile function is lost in other words long after a fault',
    ['wrong result'],
    (run) => {
      isLost(run, 1, { call: 'exits' }, 'expected exit code 3');
      run.faults.push({ fault: 'F1 kill worker', target: 'worker-1', from: 100, to: 600 });
    },
  ],
  [
    'a hostile function is lost in other words, and the fault was another worker’s',
    ['wrong result'],
    (run) => {
      isLost(run, 1, { call: 'exits' }, 'expected exit code 3');
      run.starts(1, 3);
      run.faults.push({ fault: 'F2 stop worker', target: 'worker-2 2000 ms', from: 1150, to: 3150 });
    },
  ],
  [
    'it is read as lost and recorded as raised',
    ['wrong result'],
    (run) => {
      isLost(run, 1, {}, 'expected COMPLETED 2');
      run.task(1).kind = 'raised';
    },
  ],
  [
    'a key makes two tasks',
    ['I6', 'I9'],
    (run) => {
      run.tasks.set('again', { ...run.task(3), id: 'again' });
    },
  ],
  ['a key is answered with two ids', ['I6'], (run) => run.entry(3).acks.push({ id: 'other', at: 1300 })],
  ['a cancel does not hold', ['I2', 'I7'], (run) => Object.assign(run.task(4), { status: 'COMPLETED', kind: '' })],
  ['user code goes on after a cancel', ['I7'], (run) => void (run.reported.get(4)!.seen = 4000)],
  ['a counter is off', ['I9'], (run) => void (run.counters = { submitted: 5 })],
  ['the metrics are off', ['I9'], (run) => void (run.counters = { metrics: { submitted: 4, ended: 3 } })],
  ['a kind of end is off', ['I9'], (run) => void (run.counters = { ended: { COMPLETED: 4, canceled: 0 } })],
  [
    'what was refused is there',
    ['I9'],
    (run) => {
      run.add(5, { acks: [], reads: [], refusals: ['429 queue_full'] });
      // So many may be there: it is this very one that may not.
      run.add(6, { acks: [], reads: [], doubts: ['no answer'] });
      run.tasks.delete('task-6');
    },
  ],
  [
    'what was in doubt and accepted never ends',
    ['I4', 'I9'],
    (run) => {
      run.add(5, { acks: [], reads: [], doubts: ['no answer'] }, 'RUNNING');
      run.counters = { ended: { COMPLETED: 3, canceled: 1 }, metrics: { submitted: 5, ended: 4 } };
    },
  ],
  ['tasks come from nowhere', ['I9'], (run) => run.tasks.set('x', { ...run.task(1), id: 'x', label: undefined })],
  ['a program ends by itself', ['crash'], (run) => run.seen.push({ invariant: 'crash', what: 'service-1' })],
];

describe('finds it where', () => {
  it.each(BREAKS)('%s', (_, invariants, act) => {
    const run = new Run();
    act(run);
    expect(run.found()).toEqual(invariants);
  });
});

it('finds that a load which hardly succeeded proves nothing', () => {
  expect(tooFew({ succeeded: 100 }, 10_000)).toEqual([]);
  expect(tooFew({ succeeded: 99 }, 10_000)).toMatchObject([{ invariant: 'too little' }]);
});

it.each([
  ['F1 kill worker', 'worker-1'],
  ['F1 kill runner', 'worker-1 4711'],
  ['F5 worker cut off', WIRES.replaceAll('worker-2', 'worker-1')],
  ['F1 kill dispatcher', 'dispatcher-2'],
  ['F5 network down', 'lo for 700 ms'],
])('lets a task start again for each fault that touched it: %s %s', (fault, target) => {
  const run = new Run();
  run.starts(1, 2);
  run.task(1).attempt = 2;
  run.faults.push({ fault, target, from: 1150, to: 1900 });
  expect(run.found()).toEqual([]);
  expect(tally(run.evidence(), []).duplicates).toBe(1);
});

it('lets a task start again that its runner took along when that ended for another call', () => {
  const run = new Run();
  run.starts(1, 2);
  run.task(1).attempt = 2;
  run.task(1).history.push('2026-11-27T00:00:00Z attempt 1 worker-1 runner_gone: ');
  expect(run.found()).toEqual([]);
});

it('lets a task be lost with its attempts, and a hostile one in other words where a fault was near', () => {
  const run = new Run();
  isLost(run, 1, {}, 'expected COMPLETED 2');
  isLost(run, 3, { call: 'exits' }, '');
  expect(run.found()).toEqual([]);
  for (const [fault, to] of [
    ['F1 kill worker', 800],
    ['F2 stop worker', -2000],
  ] as const) {
    const near = new Run();
    isLost(near, 1, { call: 'exits' }, 'expected exit code 3');
    near.faults.push({ fault, target: 'worker-1', from: -3000, to });
    near.starts(1, 3);
    expect(near.found()).toEqual([]);
    // A claim that did not come to a start may have been that worker's.
    near.faults[0]!.target = 'worker-2';
    near.starts(1, 2);
    expect(near.found()).toEqual([]);
  }
});

describe('recoveries and holdings', () => {
  const kill: FaultNote = { fault: 'F1 kill worker', target: 'worker-1', from: 10_000, to: 13_000 };
  const recovery = { kind: 'worker', from: 10_000, ms: 3000, given_up: false } as const;

  it('are a kill’s own where no other fault, and nothing of its aftermath, lies in them', () => {
    const stop: FaultNote = { fault: 'F2 stop worker', target: 'worker-2', from: 2000, to: 5000 };
    expect(isClean(recovery, { faults: [stop, kill] })).toBe(true);
    expect(isClean(recovery, { faults: [{ ...stop, to: 7000 }, kill] })).toBe(false);
    expect(isClean(recovery, { faults: [kill, { ...stop, from: 12_000, to: 14_000 }] })).toBe(false);
    expect(quietAfter({ faults: [stop, { ...kill, from: 1000, to: 2000 }] })).toBe(9001);
  });

  it('that never came are a violation, if nothing else was in the way', () => {
    const never = { ...recovery, ms: 15_000, given_up: true };
    expect(neverRecovered([{ ...recovery, clean: true }])).toEqual([]);
    expect(neverRecovered([{ ...never, clean: false }])).toEqual([]);
    expect(neverRecovered([{ ...never, clean: true }])).toHaveLength(1);
  });

  it('of a part that holds much more than before are told', () => {
    const part = (mebibytes: number, descriptors: number) =>
      new Map([['worker-1', { memoryBytes: mebibytes * 2 ** 20, descriptors }]]);
    expect(grown(part(100, 100), part(400, 180))).toEqual([]);
    expect(grown(part(100, 100), part(600, 100))).toHaveLength(1);
    expect(grown(part(100, 100), part(100, 300))).toHaveLength(1);
  });
});
