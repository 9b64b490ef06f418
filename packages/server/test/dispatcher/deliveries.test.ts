// The dispatcher's ledger: what a heartbeat proves, and who is charged when a worker dies.
import { describe, expect, it } from 'vitest';
import { Deliveries } from '../../src/dispatcher/fleet/deliveries.ts';
import { Liveness } from '../../src/dispatcher/fleet/liveness.ts';
import { Member } from '../../src/dispatcher/fleet/member.ts';
import { packTaskHeader, specOf, unpackTaskHeader, type TaskHeader, type TaskSpec } from '../../src/lifecycle/spec.ts';

function spec(id: string, change: Partial<TaskSpec> = {}): TaskSpec {
  return { ...specOf(id, unpackTaskHeader(packTaskHeader({} as TaskHeader))), ...change };
}

function given(count: number, change: Partial<TaskSpec> = {}): Deliveries {
  const deliveries = new Deliveries();
  for (let n = 1; n <= count; n += 1) {
    deliveries.give(
      { fence: { id: `task${n}`, attempt: 1, token: `t${n}` }, spec: spec(`task${n}`, change), retries: 0 },
      'w',
      0,
    );
    deliveries.sent(`t${n}`, n, 0);
  }
  return deliveries;
}
const tokens = (all: { fence: { token: string } }[]): string[] => all.map(({ fence }) => fence.token);
const held = (t: string, at = 0, done = false): { t: string; id: string; a: number; at: number; done: boolean } => ({
  t,
  id: t,
  a: 1,
  at,
  done,
});

describe('L2: what a heartbeat does not name', () => {
  it('has not arrived, if the heartbeat acknowledges its delivery', () => {
    expect(tokens(given(3).heartbeat('w', [held('t1')], 2, 100).missing)).toEqual(['t2']);
  });
  it('is still on its way, if it does not', () => {
    expect(given(3).heartbeat('w', [held('t1')], 1, 100).missing).toEqual([]);
  });
  it('has not arrived after two seconds in none', () => {
    expect(tokens(given(2).heartbeat('w', [held('t1')], 0, 2_100).missing)).toEqual(['t2']);
  });
  it('is not missed before it was sent, nor while its end is being settled', () => {
    const deliveries = given(1);
    deliveries.give({ fence: { id: 'late', attempt: 1, token: 'late' }, spec: spec('late'), retries: 0 }, 'w', 0);
    deliveries.ended(deliveries.get('t1')!);
    expect(deliveries.heartbeat('w', [], 9, 9_000).missing).toEqual([]);
  });
});

describe('a heartbeat', () => {
  it('tells what we do not know, and which results were lost on the way', () => {
    const answer = given(2).heartbeat('w', [held('t1', 5, true), held('t2'), held('stranger')], 2, 100);
    expect(answer.unknown.map(({ t }) => t)).toEqual(['stranger']);
    expect(answer.missingResults).toEqual(['t1']);
  });
  it('keeps leases alive for what it names, and for nothing else', () => {
    const deliveries = given(2);
    deliveries.heartbeat('w', [held('t1')], 0, 1_900);
    expect(tokens(deliveries.named(4_000))).toEqual(['t1']);
  });
});

describe('what a worker has', () => {
  it('counts what has not ended, however it leaves', () => {
    const deliveries = given(4);
    deliveries.ended(deliveries.get('t1')!);
    expect(deliveries.heldBy('w')).toBe(3);
    deliveries.settle('t1');
    deliveries.forget('t2');
    expect(deliveries.heldBy('w')).toBe(2);
    deliveries.ended(deliveries.get('t3')!);
    deliveries.forget('t3');
    deliveries.forget('t4');
    expect([deliveries.heldBy('w'), deliveries.size]).toEqual([0, 0]);
  });
  it('is told in the order given, whatever has left', () => {
    const deliveries = given(6);
    for (const token of ['t1', 't3', 't4', 't6']) deliveries.forget(token);
    expect(tokens(deliveries.of('w'))).toEqual(['t2', 't5']);
    deliveries.give({ fence: { id: 'late', attempt: 1, token: 'late' }, spec: spec('late'), retries: 0 }, 'w', 0);
    expect(tokens(deliveries.of('w'))).toEqual(['t2', 't5', 'late']);
    for (const token of ['t2', 't5', 'late']) deliveries.forget(token);
    expect(deliveries.of('w')).toEqual([]);
  });
  it('is one delivery for a token, be it given twice', () => {
    const deliveries = given(2);
    deliveries.give({ fence: { id: 'task1', attempt: 1, token: 't1' }, spec: spec('task1'), retries: 0 }, 'v', 0);
    expect([deliveries.heldBy('w'), deliveries.heldBy('v'), deliveries.size]).toEqual([1, 1, 2]);
    deliveries.settle('t1');
    expect([deliveries.heldBy('v'), deliveries.of('v'), deliveries.tokenOfTask('task1')]).toEqual([0, [], undefined]);
  });
  it('names the newest attempt of a task, and none once that has left', () => {
    const deliveries = given(1);
    deliveries.give({ fence: { id: 'task1', attempt: 2, token: 'next' }, spec: spec('task1'), retries: 0 }, 'v', 0);
    deliveries.forget('t1');
    expect(deliveries.tokenOfTask('task1')).toBe('next');
    deliveries.forget('next');
    expect(deliveries.tokenOfTask('task1')).toBeUndefined();
  });
});

describe('L5: what was settled lately', () => {
  it('is known to be settled when a crossing heartbeat names it, for a while', () => {
    const deliveries = given(1);
    deliveries.settle('t1');
    expect(deliveries.heartbeat('w', [held('t1', 5, true)], 1, 100)).toMatchObject({ settled: ['t1'], unknown: [] });
    deliveries.tick(0);
    deliveries.tick(6_000);
    deliveries.tick(12_000);
    expect(deliveries.heartbeat('w', [held('t1')], 1, 12_100).unknown).toHaveLength(1);
  });
  it('is the last ones, where there are very many', () => {
    const deliveries = given(20_000);
    for (let n = 1; n <= 20_000; n += 1) deliveries.settle(`t${n}`);
    const known = Array.from({ length: 20_000 }, (_, n) => deliveries.wasSettled(`t${n + 1}`));
    expect(known.slice(-8_192).every(Boolean)).toBe(true);
    expect(known.filter(Boolean).length).toBeLessThanOrEqual(2 * 8_192);
  });
});

describe('L3, L4: when a worker dies', () => {
  it('charges at most its slots, those that had begun first', () => {
    const deliveries = given(5);
    deliveries.heartbeat('w', [held('t4', 123), held('t1'), held('t2'), held('t3'), held('t5')], 5, 100);
    const { charged, released } = deliveries.lost('w', 2, () => false);
    expect(tokens(charged)).toEqual(['t4', 't1']);
    expect(tokens(released)).toEqual(['t2', 't3', 't5']);
  });
  it('charges every at-most-once task that was sent', () => {
    expect(given(3, { at_most_once: true }).lost('w', 1, () => false).charged).toHaveLength(3);
  });
  it('charges nothing that is known not to be there, be it an at-most-once task', () => {
    const { charged, released } = given(3, { at_most_once: true }).lost('w', 4, ({ number }) => number > 2);
    expect([tokens(charged), tokens(released)]).toEqual([['t1', 't2'], ['t3']]);
  });
  it('charges nothing that had not left, and nothing whose end is being settled', () => {
    const deliveries = given(1);
    deliveries.ended(deliveries.get('t1')!);
    deliveries.give(
      { fence: { id: 'late', attempt: 1, token: 'late' }, spec: spec('late', { at_most_once: true }), retries: 0 },
      'w',
      0,
    );
    const { charged, released } = deliveries.lost('w', 2, () => false);
    expect(charged).toEqual([]);
    expect(tokens(released)).toEqual(['late']);
  });
});

describe('liveness', () => {
  it('loses a worker after three seconds of silence', () => {
    const liveness = new Liveness(0);
    liveness.tick(200);
    expect(liveness.isLost(0, 2_999)).toBe(false);
    expect(liveness.isLost(0, 3_001)).toBe(true);
  });
  it('loses nobody while we owe an answer, nor for three seconds after our own loop stalled', () => {
    const liveness = new Liveness(0);
    expect(liveness.isLost(undefined, 9_000)).toBe(false);
    liveness.tick(5_000);
    expect(liveness.isLost(0, 7_900)).toBe(false);
    expect(liveness.isLost(0, 8_001)).toBe(true);
  });
});

describe('credits', () => {
  const registration = {
    k: 'register' as const,
    mode: 'push' as const,
    host: 'h',
    pid: 1,
    version: '1',
    slots: 4,
    runtimes: [],
    labels: [],
    held: [],
  };
  const grant = (credits: number, free: number, got: number) => ({
    k: 'credits' as const,
    credits,
    free,
    got,
    part_bytes: 0,
    ask: false,
  });

  it('are totals as of a delivery: what was sent since is counted off', () => {
    const member = new Member('w', 'i', 's', registration, 0, 0);
    member.grant(grant(10, 4, 0), 1, 0);
    member.deliver(3, 0);
    expect(member.credits).toBe(7);
    // A grant that had not seen that delivery.
    member.grant(grant(10, 4, 0), 2, 0);
    expect([member.credits, member.free]).toEqual([7, 1]);
    // One that had.
    member.grant(grant(8, 2, 1), 3, 0);
    expect(member.credits).toBe(8);
  });
  it('come back when a delivery did not arrive, though no later one will ever acknowledge it', () => {
    const member = new Member('w', 'i', 's', registration, 0, 0);
    member.grant(grant(2, 2, 0), 4, 0);
    const number = member.deliver(2, 0);
    member.undelivered(number);
    member.undelivered(number);
    expect([member.credits, member.free]).toEqual([2, 2]);
    member.grant(grant(2, 2, number), 5, 0);
    expect(member.credits).toBe(2);
  });
  it('are told with how much it runs, from its registration on', () => {
    const held = [
      { t: 'a', id: 'a', a: 1, at: 5 },
      { t: 'b', id: 'b', a: 1, at: 0 },
      { t: 'c', id: 'c', a: 1, at: 5, done: true },
    ];
    const { busy, waiting } = new Member('w', 'i', 's', { ...registration, held }, 0, 0).snapshot('d', 0);
    expect([busy, waiting]).toEqual([1, 1]);
  });
  it('are none for a worker that is leaving', () => {
    const member = new Member('w', 'i', 's', registration, 0, 0);
    member.grant(grant(10, 4, 0), 6, 0);
    member.draining = true;
    expect(member.credits).toBe(0);
  });
});
