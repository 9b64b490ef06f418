// Runners that cannot be started while others live: what counts as a failure, and that starting is tried again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { JavaScriptChildren } from '../../src/runner/javascript-children.ts';
import { PythonChildren } from '../../src/runner/python-children.ts';
import { Roster } from '../../src/runner/roster.ts';
import { START_MS } from '../../src/runner/starts.ts';
import { leftOf, PYTHON, source, TestPool, valueOf } from './harness.ts';

let folder: string;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'failing-start-test-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

const NOBODY = { python: { all: 0, fresh: 0 }, javascript: { all: 0, fresh: 0 } };

test('a language that is out is tried again and comes back, though a runner of before lies there unused', async () => {
  const broken = join(folder, 'broken');
  const keeper = join(folder, 'keeper');
  writeFileSync(keeper, `#!/bin/sh\n[ -e ${broken} ] && exit 1\nexec ${PYTHON} "$@"\n`, { mode: 0o700 });
  const mark = `failing-start-test-${process.pid}`;
  const common = { cwd: folder, environment: process.env, mark, clock: systemClock, startMs: START_MS };
  const python = { slots: 2, importPath: [], packages: join(folder, 'packages'), kept: true };
  let ready = 0;
  let check = (): void => undefined;
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      check = () => {
        if (condition()) resolve();
      };
      check();
    });
  const nothing = (): void => undefined;
  const roster = new Roster({
    slots: 2,
    sources: {
      python: new PythonChildren('there is no Python here', { ...common, ...python }),
      javascript: new JavaScriptChildren({ ...common, keeper }),
    },
    clock: systemClock,
    startMs: START_MS,
    log: nothing,
    logLimits: { headBytes: 100, tailBytes: 100 },
    changed: () => check(),
    events: {
      started: nothing,
      printed: nothing,
      ran: nothing,
      ended: nothing,
      returned: nothing,
      freed: nothing,
      gone: nothing,
      ready: () => {
        ready += 1;
        check();
      },
    },
  });
  closing.push(() => roster.close());

  roster.keepWarm(NOBODY);
  await until(() => ready === 1);
  writeFileSync(broken, '');
  roster.keepWarm({ ...NOBODY, javascript: { all: 1, fresh: 0 } });
  await until(() => roster.isOut('javascript'));
  // The call that waited goes back to where it came from.
  roster.keepWarm(NOBODY);
  rmSync(broken);
  await until(() => !roster.isOut('javascript'));
  expect(Array.from(roster.all(), ({ idle, used }) => [idle, used])).toEqual([
    [true, false],
    [true, false],
  ]);
});

test('a template that dies fails all that it was asked for once: what waits is run by the next one', async () => {
  const pool = await TestPool.open({ slots: 8 });
  closing.push(
    async () => expect(await leftOf(pool.mark)).toEqual([]),
    () => pool.close(),
  );
  const template = valueOf(await pool.run(pool.call(source('import os\ndef f(): return os.getppid()\n')))) as number;
  process.kill(template, 'SIGSTOP');
  // One may find a runner that is ready, and one is being made beyond what waits.
  const calls = Array.from({ length: 5 }, () => pool.call(source('def f(): return 1\n'), [], { isolation: 'task' }));
  pool.submit(...calls);
  await new Promise(setImmediate);
  process.kill(template, 'SIGKILL');
  const ends = await Promise.all(calls.map((call) => pool.end(call)));
  const ways = ends.map(({ outcome }) => outcome.is);
  expect(ways.filter((is) => is === 'completed').length).toBeGreaterThanOrEqual(4);
  expect(ways).not.toContain('released');
});
