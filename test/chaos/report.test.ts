// The report of a chaos run: it says what was measured and what was not, and fails a run for what is wanted and did not come.
import { expect, it } from 'vitest';
import type { Recovered } from './recovery.ts';
import { asMarkdown, makeReport, type Report } from './report.ts';
import type { Outcome } from './variant.ts';

function outcome(more: Partial<Outcome>): Outcome {
  const tally = { submitted: 10, acknowledged: 10, succeeded: 10, lost: 0, wrong: 0, secondEnds: 0 };
  return {
    ...{ variant: 'redis pull', seconds: 60, tally: { ...tally, duplicates: 0, starts: 10 } },
    ...{
      faults: {},
      skipped: {},
      neverStruck: [],
      timeline: [],
      drawn: [],
      watched: { records: 1, events: 1 },
      skews: {},
    },
    ...{ recoveries: [], throughput: { before: 1000, after: 1000 }, holdings: { before: {}, after: {} } },
    ...{ orphans: [], calls: {}, violations: [], logs: {} },
    ...more,
  };
}

/** Kills of workers that nothing else overlapped. */
function kills(...ms: number[]): Recovered[] {
  return ms.map((one) => ({ kind: 'worker', from: 0, ms: one, given_up: one >= 15_000, clean: true, history: [] }));
}

const ALL = ['redis pull', 'redis push', 'embedded pull', 'embedded push'];

function reported(minutes: number, ...outcomes: Partial<Outcome>[]): Report & { text: string } {
  const report = makeReport({ seed: '1', minutes, variants: ALL }, outcomes.map(outcome));
  return { ...report, text: asMarkdown(report) };
}

it('tells a recovery that was given up as one that took longer than anybody waited', () => {
  const { text } = reported(30, { recoveries: kills(3000, 3000, 15_003) });
  expect(text).toContain('| killed | all | given up | p50 | p99 |');
  expect(text).toContain('| worker | 3 | 1 | 3000 ms | > 15000 ms | 3 | 3000 ms | > 15000 ms |');
});

it('judges the 99th percentile of a long run and the median of a short one', () => {
  const slowest = { recoveries: kills(3000, 3000, 3000, 3000, 4001) };
  expect(reported(10, slowest)).toMatchObject({
    passed: false,
    slow: ['worker: 4001 ms in the 99th percentile of 5 kills alone, wanted are at most 4000 ms'],
  });
  expect(reported(10, { recoveries: kills(3000, 3000, 3000, 3000, 4000) }).slow).toEqual([]);
  expect(reported(10, { recoveries: kills(3000, 3000, 3000, 9000) }).slow).toEqual([]);
  expect(reported(2, slowest)).toMatchObject({ passed: true, slow: [] });
  expect(reported(2, { recoveries: kills(3000, 8001, 9000) })).toMatchObject({
    passed: false,
    slow: ['worker: 8001 ms in the median of 3 kills alone, wanted are at most 8000 ms'],
  });
  expect(reported(2, { recoveries: kills(3000, 8000, 9000) }).slow).toEqual([]);
  expect(reported(2, { recoveries: kills(9000, 9000) }).slow).toEqual([]);
});

it('fails a long run in which a fault that could have struck never did', () => {
  const never = { neverStruck: ['F2 stop worker'] };
  expect(reported(19, never)).toMatchObject({ passed: true, lacking: [] });
  const { passed, lacking, text } = reported(20, {}, { ...never, variant: 'redis push' });
  expect({ passed, lacking }).toEqual({ passed: false, lacking: ['redis push: F2 stop worker never struck'] });
  expect(text).toContain('**Too little**: redis push: F2 stop worker never struck');
  expect(text).toContain('- F2 stop worker: 0');
});

it('fails a run of thirty minutes over both stores that killed or did too little, once all of it has been played', () => {
  const { tally } = outcome({});
  const quarter = (kills: number, acknowledged: number): Partial<Outcome> => ({
    faults: { 'F1 kill worker': kills, 'F2 stop worker': 1000 },
    tally: { ...tally, acknowledged },
  });
  const four = (one: Partial<Outcome>) => ALL.map((variant) => ({ ...one, variant }));
  expect(reported(30, ...four(quarter(50, 25_000)))).toMatchObject({ passed: true, lacking: [] });
  expect(reported(30, ...four(quarter(49, 25_000)))).toMatchObject({
    passed: false,
    lacking: ['196 kills, wanted are at least 200'],
  });
  expect(reported(30, ...four(quarter(50, 24_999))).lacking).toEqual([
    '99996 tasks acknowledged, wanted are at least 100000',
  ]);
  expect(reported(29, ...four(quarter(1, 1))).lacking).toEqual([]);
  expect(reported(30, ...four(quarter(1, 1)).slice(1)).lacking).toEqual([]);
  const oneStore = four(quarter(1, 1)).slice(0, 2).map(outcome);
  expect(makeReport({ seed: '1', minutes: 30, variants: ALL.slice(0, 2) }, oneStore).lacking).toEqual([]);
});

it('says of each variant of a long run whether throughput was back', () => {
  const dip = { throughput: { before: 1000, after: 949 } };
  expect(reported(10, dip).text).toContain('1000/s before, 949/s after (94 %), **not back to 95 %**.');
  expect(reported(10, {}).text).toContain('1000/s before, 1000/s after (100 %), back to 95 %.');
  expect(reported(9, dip).text).toContain('1000/s before, 949/s after (94 %).');
});
