// The judge: the ledger, the functions' own reports and the system's books against the invariants. Pure, so that the
// judge himself can be tested: a check that cannot fail is none.
import type { Books, TaskRecord } from './books.ts';
import { HOSTILE_CALLS } from './calls.ts';
import type { Entry, FaultNote, Ledger, Read } from './ledger.ts';
import { quietFrom } from './recovery.ts';
import type { Reported, Start } from './reports.ts';

export interface Violation {
  invariant: string;
  what: string;
  label: number | undefined;
}

export interface Evidence {
  ledger: Pick<Ledger, 'entries' | 'faults' | 'seen'>;
  reported: ReadonlyMap<number, Reported>;
  books: Books;
  /** Tasks that were made apart from the ledger: what measures the throughput. */
  apart: number;
}

export interface Tally {
  submitted: number;
  acknowledged: number;
  succeeded: number;
  lost: number;
  wrong: number;
  secondEnds: number;
  /** Starts beyond the first that no retry policy asked for. */
  duplicates: number;
  starts: number;
}

/** A cancel must have taken effect so soon where nothing stood in its way; ms, with what a loaded machine adds. */
const CANCEL_MS = 1000 + 500;
/** A fault that was over so long ago can still be what keeps a worker from hearing of a cancel, ms. */
const AFTERMATH_MS = 10_000;

/** Fewer successes a second of load than this prove nothing. */
const ENOUGH_A_SECOND = 10;

/** Of an attempt in a task's history: it had begun when its runner ended for the sake of another call. */
const RUNNER_GONE = ' runner_gone: ';

type Judge = (evidence: Evidence) => Iterable<Violation>;

const found = (invariant: string, what: string, label?: number): Violation => ({ invariant, what, label });

const acknowledged = ({ ledger }: Evidence): Entry[] =>
  [...ledger.entries.values()].filter(({ acks }) => acks.length > 0);

/** I1: every acknowledged submission is there and has ended. */
function* nothingLost(evidence: Evidence): Iterable<Violation> {
  const { tasks } = evidence.books;
  for (const { acks, label, reads } of acknowledged(evidence)) {
    const task = tasks.get(acks[0]!.id);
    if (task === undefined) yield found('I1', `acknowledged as ${acks[0]!.id}, and there is no such task`, label);
    else if (!isTerminal(task.status))
      yield found('I1', `acknowledged and still ${task.status} after the drain`, label);
    else if (reads.length === 0) yield found('I1', `ended ${task.status}, and no client was told`, label);
  }
  // Of what was in doubt some was accepted: that must end, too.
  for (const { status, id, label } of tasks.values()) {
    if (!isTerminal(status)) yield found('I4', `task ${id} is still ${status} after the drain`, label);
  }
}

/** I2: one end, the same whenever it is read. */
function* endsNeverChange(evidence: Evidence): Iterable<Violation> {
  for (const { reads, label, acks } of acknowledged(evidence)) {
    const [first, ...later] = reads;
    if (first === undefined) continue;
    for (const read of later) {
      if (read.digest !== first.digest || read.status !== first.status) {
        yield found('I2', `read as ${first.status} ${first.kind}, later as ${read.status} ${read.kind}`, label);
      }
    }
    const task = evidence.books.tasks.get(acks[0]!.id);
    const classic = first.kind === '' && first.status === 'FAILED';
    if (task !== undefined && !classic && task.status !== first.status) {
      yield found('I2', `read as ${first.status}, recorded as ${task.status}`, label);
    }
  }
}

/** The end is the one that was asked for; a loss has its history, a cancel was asked for. */
function* endsAreRight(evidence: Evidence): Iterable<Violation> {
  for (const entry of acknowledged(evidence)) {
    const { reads, label, acks, cancel } = entry;
    const task = evidence.books.tasks.get(acks[0]!.id);
    const [first] = reads;
    if (first === undefined || task === undefined) continue;
    if (first.wrong !== '' && !isExcused(entry, first, task, evidence)) yield found('wrong result', first.wrong, label);
    if (task.kind === 'canceled' && cancel === undefined) yield found('wrong result', 'canceled by nobody', label);
    if (task.kind === 'lost' && !entry.atMostOnce && !mayBeLost(task)) {
      yield found('wrong result', `lost after ${task.losses} losses of ${task.maxAttempts}`, label);
    }
    const isHit = evidence.ledger.faults.some((fault) => overlaps(fault, entry.sentAt, first.at));
    if (task.kind === 'lost' && entry.atMostOnce && !isHit)
      yield found('wrong result', 'runs at most once, and was lost though no fault was near', label);
  }
}

/** Any call may be lost with its worker; one that should be lost by its own doing says so, unless a fault came before it. */
function isExcused(entry: Entry, first: Read, task: TaskRecord, { ledger, reported }: Evidence): boolean {
  if (first.kind !== 'lost' || task.kind !== 'lost') return false;
  if (!isHostile(entry.call)) return true;
  const starts = reported.get(entry.label)?.starts ?? [];
  // A claim that did not come to a start may have been any worker's.
  const mayBeAnywhere = starts.length < task.attempt;
  return ledger.faults.some(
    (fault) => fault.from <= first.at && entry.sentAt <= quietFrom(fault) && (mayBeAnywhere || reaches(fault, starts)),
  );
}

function isHostile(call: string): boolean {
  return (HOSTILE_CALLS as readonly string[]).includes(call);
}

/** Losses are limited by max_attempts, leases that ran out by ten. */
function mayBeLost({ losses, maxAttempts, history }: TaskRecord): boolean {
  return losses >= maxAttempts || history.filter((line) => line.includes('lease')).length >= 9;
}

/** I3: each start beyond the first has a fault that touched the task or a loss in its record, and a claim of its own. */
function* startsHaveCauses(evidence: Evidence): Iterable<Violation> {
  const { ledger, reported, books } = evidence;
  for (const entry of ledger.entries.values()) {
    const { label, atMostOnce, retries, sentAt, reads, acks } = entry;
    const starts = reported.get(label)?.starts ?? [];
    if (starts.length <= 1 + retries) continue;
    if (atMostOnce) {
      yield found('I3', `at most once, and started ${starts.length} times`, label);
      continue;
    }
    const task = books.tasks.get(acks[0]?.id ?? '');
    // A function that kills its runner is its own fault; one behind it in the pipe goes along, and is given back.
    const own = task === undefined ? 0 : task.losses + task.history.filter((line) => line.includes(RUNNER_GONE)).length;
    const touching = ledger.faults.filter(
      (fault) => overlaps(fault, sentAt, reads[0]?.at ?? Infinity) && reaches(fault, starts),
    );
    if (starts.length > 1 + retries + touching.length + own) {
      yield found('I3', `started ${starts.length} times with ${touching.length} faults and ${own} losses`, label);
    }
    // Only what must not be started twice waits until replicas know of its claim: a new master may have forgotten others.
    const forgotten = touching.filter(({ fault }) => fault.includes('master of the sentinels')).length;
    if (task !== undefined && starts.length > task.attempt + forgotten) {
      yield found('I3', `started ${starts.length} times with ${task.attempt} claims`, label);
    }
  }
}

/** What befalls one worker touches what started there; what befalls a dispatcher, a service, the store or the network may touch all. */
function reaches({ target }: FaultNote, starts: readonly Start[]): boolean {
  const worker = /\bworker-\d+/.exec(target)?.[0];
  return worker === undefined || starts.some((start) => start.worker === worker);
}

function overlaps({ from, to }: FaultNote, begin: number, end: number, aftermath = AFTERMATH_MS): boolean {
  return from <= end && begin <= to + aftermath;
}

/** I6: a key is one task. */
function* keysAreOneTask(evidence: Evidence): Iterable<Violation> {
  const byLabel = Map.groupBy(
    [...evidence.books.tasks.values()].filter(({ label }) => label !== undefined),
    ({ label }) => label!,
  );
  for (const [label, tasks] of byLabel) {
    if (tasks.length > 1)
      yield found('I6', `submitted once, or under one key, and there are ${tasks.length} tasks`, label);
  }
  for (const { acks, label } of evidence.ledger.entries.values()) {
    const ids = new Set(acks.map(({ id }) => id));
    if (ids.size > 1) yield found('I6', `acknowledged under the ids ${[...ids].join(', ')}`, label);
  }
}

/** I7: an acknowledged cancel is the end, and user code stops. */
function* cancelsHold(evidence: Evidence): Iterable<Violation> {
  for (const { cancel, acks, label, reads } of acknowledged(evidence)) {
    if (cancel?.answer !== 'canceled') continue;
    const status = evidence.books.tasks.get(acks[0]!.id)?.status;
    if (status !== 'CANCELED')
      yield found('I7', `the cancel was acknowledged, and the task is ${status ?? 'unknown'}`, label);
    for (const read of reads) {
      if (read.status !== 'CANCELED')
        yield found('I7', `the cancel was acknowledged, and ${read.status} was read`, label);
    }
    const seen = evidence.reported.get(label)?.seen ?? 0;
    const after = seen - cancel.answeredAt;
    const quiet = !evidence.ledger.faults.some((fault) => overlaps(fault, cancel.sentAt, seen));
    if (after > CANCEL_MS && quiet) yield found('I7', `user code ran ${Math.round(after)} ms after the cancel`, label);
  }
}

/** I9: counters, metrics, the list of tasks and the ledger agree. */
function* countsAgree({ books, ledger, apart }: Evidence): Iterable<Violation> {
  const ended = Object.values(books.ended).reduce((sum, count) => sum + count, 0);
  const listed = [...books.tasks.values()];
  const same = (what: string, one: number, other: number): Violation[] =>
    one === other ? [] : [found('I9', `${what}: ${one} and ${other}`)];
  yield* same('submitted by the counter and in the list', books.submitted, listed.length);
  yield* same('ended by the counter and in the list', ended, listed.filter(({ status }) => isTerminal(status)).length);
  yield* same('submitted by /v1/stats and by /metrics', books.submitted, books.metrics.submitted);
  yield* same('ended by /v1/stats and by /metrics', ended, books.metrics.ended);
  const kinds = Object.entries(Object.groupBy(listed, ({ status, kind }) => (status === 'COMPLETED' ? status : kind)));
  for (const [kind, tasks] of kinds) yield* same(`ended ${kind}`, books.ended[kind] ?? 0, tasks?.length ?? 0);
  const entries = [...ledger.entries.values()];
  const sure = entries.filter(({ acks }) => acks.length > 0).length + apart;
  const doubtful = entries.filter(({ acks, doubts }) => acks.length === 0 && doubts.length > 0).length;
  if (books.submitted < sure || books.submitted > sure + doubtful) {
    yield found(
      'I9',
      `submitted ${books.submitted}, acknowledged ${sure} with those of the measurement, in doubt ${doubtful}`,
    );
  }
  // What was refused is not there.
  const byLabel = new Set(listed.map(({ label }) => label));
  for (const { label, acks, doubts, refusals } of entries) {
    if (refusals.length > 0 && acks.length + doubts.length === 0 && byLabel.has(label)) {
      yield found('I9', `refused (${refusals.join(', ')}), and there is such a task`, label);
    }
  }
}

const JUDGES: readonly Judge[] = [
  ...[nothingLost, endsNeverChange, endsAreRight, startsHaveCauses, keysAreOneTask, cancelsHold, countsAgree],
];

export function check(evidence: Evidence): Violation[] {
  const seen = evidence.ledger.seen.map(({ invariant, what, label }) => found(invariant, what, label));
  return [...seen, ...JUDGES.flatMap((judge) => [...judge(evidence)])];
}

export function tally(evidence: Evidence, violations: readonly Violation[]): Tally {
  const entries = [...evidence.ledger.entries.values()];
  const count = (invariant: string): number => violations.filter((one) => one.invariant === invariant).length;
  // What kills its own runner starts again by its own doing.
  const starts = entries
    .filter(({ call }) => !isHostile(call))
    .map(({ label, retries }) => {
      const times = evidence.reported.get(label)?.starts.length ?? 0;
      return { times, extra: Math.max(0, times - 1 - retries) };
    });
  return {
    submitted: entries.length,
    acknowledged: entries.filter(({ acks }) => acks.length > 0).length,
    succeeded: entries.filter(({ reads }) => reads[0]?.wrong === '' && reads[0].kind !== 'lost').length,
    lost: count('I1'),
    wrong: count('wrong result'),
    secondEnds: count('I2') + count('I7'),
    duplicates: starts.reduce((sum, { extra }) => sum + extra, 0),
    starts: starts.reduce((sum, { times }) => sum + times, 0),
  };
}

/** A run whose load hardly succeeded has put nothing to the test. */
export function tooFew({ succeeded }: Pick<Tally, 'succeeded'>, loadedMs: number): Violation[] {
  const seconds = loadedMs / 1000;
  if (succeeded >= seconds * ENOUGH_A_SECOND) return [];
  return [found('too little', `${succeeded} successes in ${Math.round(seconds)} s of load prove nothing`)];
}

function isTerminal(status: string): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELED';
}
