// What a schedule is: a whole system, its work and its faults, as plain data. It is drawn by fast-check, so that a failing
// one can be shrunk and kept.
import fc from 'fast-check';

export type Mode = 'local' | 'pull' | 'push';

/** What a task's function does when it runs. */
export type Behaviour = 'returns' | 'raises' | 'raises once' | 'kills its runner' | 'kills its runner once';

export interface TaskPlan {
  /** When it is submitted, ms. */
  at: number;
  behaviour: Behaviour;
  /** How long the function runs, ms. */
  runs: number;
  once: boolean;
  priority: number;
  /** Which of the two functions. */
  fn: 0 | 1;
  /** Under an idempotency key: a repeat after a lost answer is a request of its own. */
  keyed: boolean;
  /** Canceled so long after its submission was acknowledged, ms; −1 = never. */
  cancelAfter: number;
  /** Not before so long after its submission, ms. */
  delay: number;
  /** Not after so long after its submission, ms; 0 = whenever. */
  expires: number;
}

/** Whose fault it is: an index that is taken modulo the number of such parts. */
export type Fault =
  | { is: 'dispatcher dies' | 'worker dies'; at: number; who: number; for: number; sameName: boolean }
  | { is: 'dispatcher stands still' | 'worker stands still'; at: number; who: number; for: number }
  | { is: 'dispatcher is told to end' | 'worker is told to end'; at: number; who: number; for: number; grace: number }
  | { is: 'runner dies' | 'worker hands back'; at: number; who: number }
  | { is: 'connection breaks'; at: number; who: number; other: number }
  | {
      is: 'link is cut';
      at: number;
      who: number;
      other: number;
      for: number;
      way: 'both' | 'to' | 'from';
      holds: boolean;
    }
  | { is: 'store is away'; at: number; who: number; for: number }
  | { is: 'store goes back'; at: number; who: number; for: number; by: number }
  | { is: 'store clock jumps'; at: number; who: number; by: number }
  | { is: 'dispatcher loses the store'; at: number; who: number; for: number }
  | { is: 'hints are lost'; at: number; for: number };

export interface Schedule {
  /** Of everything that is drawn while it runs. */
  seed: number;
  /** An embedded store lives and dies with its one dispatcher. */
  store: 'embedded' | 'remote';
  shards: 1 | 2;
  dispatchers: { mode: Mode; skew: number; slots: number }[];
  workers: { mode: 'pull' | 'push'; slots: number; skew: number }[];
  /** Of each message between dispatchers and workers: how many of a thousand are lost, late, twice, out of turn. */
  lost: number;
  late: number;
  twice: number;
  /** Of a thousand calls of the store: how many get no answer, before or after they were carried out. */
  unanswered: number;
  /** Messages are packed and unpacked as on the wire, not handed over. */
  packed: boolean;
  tasks: TaskPlan[];
  faults: Fault[];
}

/** Work comes in the first so many ms, faults as well. */
const WORK_MS = 4_000;
const FAULTS_MS = 7_000;

const when = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const long = fc.oneof(
  { weight: 3, arbitrary: when(1_500) },
  { weight: 2, arbitrary: fc.integer({ min: 1_500, max: 8_000 }) },
);
const who = fc.nat(5);
const skew = fc.constantFrom(0, 0, 3_600_000, -3_600_000);

const task: fc.Arbitrary<TaskPlan> = fc.record({
  at: when(WORK_MS),
  behaviour: fc.oneof(
    { weight: 10, arbitrary: fc.constant<Behaviour>('returns') },
    {
      weight: 3,
      arbitrary: fc.constantFrom<Behaviour>('raises', 'raises once', 'kills its runner', 'kills its runner once'),
    },
  ),
  runs: fc.oneof({ weight: 2, arbitrary: fc.integer({ min: 1, max: 30 }) }, { weight: 2, arbitrary: when(2_500) }),
  once: fc.constantFrom(false, false, false, true),
  priority: fc.constantFrom(0, 0, 0, -5, 5),
  fn: fc.constantFrom<(0 | 1)[]>(0, 0, 1),
  keyed: fc.boolean(),
  cancelAfter: fc.oneof({ weight: 6, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: when(2_500) }),
  delay: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: when(1_500) }),
  expires: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 4_000 }) },
  ),
});

const at = when(FAULTS_MS);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constantFrom('dispatcher dies' as const, 'worker dies' as const),
      at,
      who,
      for: long,
      sameName: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constantFrom('dispatcher stands still' as const, 'worker stands still' as const),
      at,
      who,
      for: long,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constantFrom('dispatcher is told to end' as const, 'worker is told to end' as const),
      at,
      who,
      for: long,
      grace: fc.constantFrom(0, 500, 5_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constantFrom('runner dies' as const, 'worker hands back' as const), at, who }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('connection breaks' as const), at, who, other: who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('link is cut' as const),
      at,
      who,
      other: who,
      for: long,
      way: fc.constantFrom('both' as const, 'to' as const, 'from' as const),
      holds: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('store is away' as const), at, who, for: long }) },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constant('store goes back' as const), at, who, for: when(1_000), by: when(2_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant('store clock jumps' as const),
      at,
      who,
      by: fc.constantFrom(-3_000, 5_000, 3_600_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('dispatcher loses the store' as const), at, who, for: long }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('hints are lost' as const), at, for: long }) },
);

const worker = fc.record({
  mode: fc.constantFrom('pull' as const, 'push' as const),
  slots: fc.integer({ min: 1, max: 3 }),
  skew,
});

/** Any system, its work and its faults. */
export const schedules: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  store: fc.constantFrom<('embedded' | 'remote')[]>('remote', 'remote', 'remote', 'embedded'),
  shards: fc.constantFrom<(1 | 2)[]>(1, 1, 2),
  dispatchers: fc.array(
    fc.record({
      mode: fc.constantFrom<Mode[]>('pull', 'push', 'local', 'push', 'pull'),
      skew,
      slots: fc.integer({ min: 1, max: 2 }),
    }),
    { minLength: 1, maxLength: 3, size: 'max' },
  ),
  workers: fc.array(worker, { minLength: 1, maxLength: 3, size: 'max' }),
  lost: fc.constantFrom(0, 0, 0, 10, 50),
  late: fc.constantFrom(0, 0, 0, 20, 100),
  twice: fc.constantFrom(0, 0, 0, 20),
  unanswered: fc.constantFrom(0, 0, 0, 10, 50),
  packed: fc.constantFrom(false, false, false, false, false, false, false, true),
  tasks: fc.array(task, { minLength: 1, maxLength: 20, size: 'max' }),
  faults: fc.array(fault, { minLength: 0, maxLength: 5, size: 'max' }),
});

/** The schedule of a seed. */
export function scheduleOf(seed: number): Schedule {
  return fc.sample(schedules, { seed, numRuns: 1 })[0]!;
}
