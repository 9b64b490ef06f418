// What the load asks for: each kind of call with its arguments, its options and the end that it must come to.
import type { Ended } from '../harness/http.ts';
import type { Dice } from './random.ts';

export interface Call {
  name: string;
  function: string;
  args: unknown[];
  options: Record<string, unknown>;
  atMostOnce: boolean;
  /** Starts beyond the first that the user's own retry policy asks for. */
  retries: number;
  /** What is wrong with this end; '' = nothing. Whether it is excused the check says, with the task's record and the faults. */
  wrong(end: Ended): string;
}

type Recipe = (label: number, dice: Dice) => Partial<Call> & Pick<Call, 'function' | 'args' | 'wrong'>;

const shown = (given: unknown): string => (given === undefined ? 'nothing' : JSON.stringify(given).slice(0, 300));

const value =
  (expected: unknown) =>
  ({ status, value: got, error }: Ended): string =>
    status === 'COMPLETED' && JSON.stringify(got) === JSON.stringify(expected)
      ? ''
      : `expected COMPLETED ${shown(expected)}, read ${status} ${shown(got)} ${shown(error)}`;

/** The first items of a list; what follows is who made it: two ends of one task by two runners are never the same. */
const begins =
  (...expected: unknown[]) =>
  (end: Ended): string =>
    value(expected)(Array.isArray(end.value) ? { ...end, value: end.value.slice(0, expected.length) } : end);

const failure =
  (kind: string, words = /./) =>
  ({ status, error }: Ended): string =>
    status === 'FAILED' && error?.kind === kind && words.test(error.message)
      ? ''
      : `expected FAILED ${kind} ${String(words)}, read ${status} ${shown(error)}`;

const hostile =
  (name: string, wrong: Call['wrong'], options: Record<string, unknown> = {}, ...more: unknown[]): Recipe =>
  (label) => ({ function: name, args: [label, ...more], options, wrong });

const MiB = 2 ** 20;
const double = (label: number): number => label * 2;

export const CALLS = {
  quick: (label) => ({ function: 'quick', args: [label], wrong: value(double(label)) }),
  urgent: (label, dice) => ({
    function: 'quick',
    args: [label],
    options: { priority: dice.between(-100, 100) },
    wrong: value(double(label)),
  }),
  nap: (label, dice) => {
    const seconds = dice.between(1, 30) / 100;
    return { function: 'nap', args: [label, seconds], wrong: begins(label, seconds) };
  },
  long: (label, dice) => {
    const seconds = dice.between(2, 5);
    return { function: 'ticks', args: [label, seconds], options: { max_attempts: 5 }, wrong: begins(label, seconds) };
  },
  'at most once': (label, dice) => {
    const seconds = dice.between(1, 100) / 100;
    return {
      function: 'nap',
      args: [label, seconds],
      options: { at_most_once: true },
      atMostOnce: true,
      wrong: begins(label, seconds),
    };
  },
  large: (label, dice) => {
    const text = `${label}:`.padEnd(dice.between(20_000, 3_000_000), 'abcdefghij');
    const turned = Buffer.from(text, 'latin1').reverse().toString('latin1');
    return { function: 'turns', args: [label, text], wrong: value(turned) };
  },
  javascript: (label, dice) => ({
    function: 'javascript',
    args: [label, dice.between(0, 50)],
    wrong: value({ label, double: double(label) }),
  }),
  raises: (label) => ({ function: 'raises', args: [label], wrong: failure('raised', new RegExp(`^no ${label}$`)) }),
  'raises and is retried': (label) => ({
    function: 'raises',
    args: [label],
    options: { retry: { max_retries: 2, backoff_ms: 50 } },
    retries: 2,
    wrong: failure('raised', new RegExp(`^no ${label}$`)),
  }),
  spins: (label) => ({
    function: 'spins',
    args: [label],
    options: { timeout_ms: 700 },
    wrong: failure('timed_out', /700 ms/),
  }),
  exits: hostile('exits', failure('lost', /exit code 3/)),
  segfaults: hostile('segfaults', failure('lost', /SIGSEGV/)),
  ignores_sigterm: hostile('ignores_sigterm', failure('timed_out'), { timeout_ms: 700 }),
  hogs_memory: hostile('hogs_memory', failure('memory_exceeded'), { memory_bytes: 200 * MiB }),
  closes_everything: hostile('closes_everything', failure('lost')),
  writes_garbage: hostile('writes_garbage', failure('lost')),
  floods_stdout: hostile('floods_stdout', value('done'), {}, 8),
  leaves_a_child: hostile('leaves_a_child', ({ status }) => (status === 'COMPLETED' ? '' : `read ${status}`)),
  leaves_a_daemon: hostile('leaves_a_daemon', ({ status }) => (status === 'COMPLETED' ? '' : `read ${status}`)),
  returns_a_gigabyte: hostile('returns_a_gigabyte', failure('result_too_large'), { result_as: 'pickle' }),
} as const satisfies Record<string, Recipe>;

export type CallName = keyof typeof CALLS;

export const HOSTILE_CALLS: readonly CallName[] = [
  ...(['exits', 'segfaults', 'ignores_sigterm', 'hogs_memory', 'closes_everything', 'writes_garbage'] as const),
  ...(['floods_stdout', 'leaves_a_child', 'leaves_a_daemon', 'returns_a_gigabyte'] as const),
];

/** How often each turns up among single calls. */
const WEIGHTS: [CallName, number][] = [
  ['quick', 4],
  ['urgent', 4],
  ['nap', 6],
  ['at most once', 4],
  ['large', 2],
  ['javascript', 4],
  ['raises', 2],
  ['raises and is retried', 1],
  ['spins', 1],
];
const SINGLE = WEIGHTS.flatMap(([name, weight]) => Array.from({ length: weight }, () => name));

export function anySingle(dice: Dice): CallName {
  return dice.pick(SINGLE);
}

export function makeCall(name: CallName, label: number, dice: Dice): Call {
  const recipe: Recipe = CALLS[name];
  return { name, options: {}, atMostOnce: false, retries: 0, ...recipe(label, dice) };
}
