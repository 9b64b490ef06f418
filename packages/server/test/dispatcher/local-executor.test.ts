// The executor that runs calls in its own process: what it makes of a task that may not wait for its start for ever.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openLocalExecutor } from '../../src/dispatcher/index.ts';
import { openRunnerPool } from '../../src/runner/index.ts';
import type { ClaimedTask } from '../../src/store/index.ts';
import type { Ending } from '../../src/tasks/ending.ts';
import { submission } from '../store/submission.ts';

it('gives back what was not started in its time', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'local-executor-'));
  const { promise: code, resolve: hasCode } = Promise.withResolvers<Buffer>();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<true>();
  const endings = new Map<string, Ending>();
  let look = (): void => undefined;
  const endOf = async (token: string): Promise<Ending> => {
    while (!endings.has(token)) await new Promise<void>((resolve) => (look = resolve));
    return endings.get(token)!;
  };
  const executor = await openLocalExecutor({
    dispatcherId: 'd',
    version: '1',
    labels: [],
    clock: systemClock,
    events: {
      ended: (some) => {
        for (const ending of some) endings.set(ending.fence.token, ending);
        look();
      },
      capacity: () => undefined,
      fleet: () => undefined,
      printed: () => undefined,
      code: () => {
        isAsked(true);
        return code;
      },
      adopt: () => Promise.resolve([]),
      note: () => undefined,
    },
    openPool: (listener) =>
      openRunnerPool({
        slots: 1,
        python: '/usr/bin/python3',
        pythonPath: [],
        dataDir,
        environment: process.env,
        clock: systemClock,
        log: () => undefined,
        logLimits: { headBytes: 100, tailBytes: 100 },
        listener,
      }),
  });
  const task = (token: string, startWithinMs?: number): ClaimedTask => {
    const { spec, packed, lane, args } = submission({ form: 'source' }, '{"args": [], "kwargs": {}}');
    return {
      fence: { id: spec.id, attempt: 1, token },
      spec,
      packed,
      lane,
      args,
      losses: 0,
      retries: 0,
      startWithinMs,
    };
  };
  try {
    executor.hand([task('late', 1), task('ahead', 3_600_000)]);
    await asked;
    const from = performance.now();
    while (performance.now() - from < 2) await new Promise(setImmediate);
    hasCode(Buffer.from('def f(): return 1\n'));
    expect(await endOf('late')).toMatchObject({ outcome: { is: 'released', reason: 'handed_back' }, startedAt: 0 });
    expect((await endOf('ahead')).outcome.is).toBe('completed');
    // By itself: behind one that takes its time it would go back for that.
    executor.hand([task('free')]);
    expect((await endOf('free')).outcome.is).toBe('completed');
  } finally {
    await executor.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
