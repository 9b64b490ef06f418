// The pool's own promises: order, pipelining and taking back, cancel, isolation, losses, stop.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Call, PoolOptions } from '../../src/runner/index.ts';
import { leftOf, dilled, makeCall, pickled, source, TestPool, unpickled, valueOf } from './harness.ts';

let open: TestPool[] = [];
async function start(options: Partial<PoolOptions> = {}): Promise<TestPool> {
  const pool = await TestPool.open(options);
  open.push(pool);
  return pool;
}
afterEach(async () => {
  for (const pool of open) {
    await pool.close();
    expect(await leftOf(pool.mark)).toEqual([]);
  }
  open = [];
});

const sleeps = source(readFileSync(new URL('fixtures/sleeps.py', import.meta.url), 'utf8'));
const pid = source('import os\ndef pid(x=0): return os.getpid()\n');
/** Ends when `path` exists: with '/' at once. */
const holds = source(
  'import os, time\ndef f(path, value=None):\n    while not os.path.exists(path): time.sleep(0.005)\n    return value\n',
);

/** Teaches the pool that `code` is short. */
async function trust(pool: TestPool, make: () => Call): Promise<void> {
  for (let round = 0; round < 16; round += 1) await pool.run(make());
}

describe('slots and the line', () => {
  test('no more calls run than there are slots, and all come in order', async () => {
    const pool = await start({ slots: 2 });
    const gate = join(pool.dataDir, 'gate');
    const calls = Array.from({ length: 6 }, (_, x) => pool.call(holds, [gate, x]));
    const ends = pool.runAll(calls);
    await pool.until(() => pool.started.size === 2);
    expect(pool.pool.room()).toMatchObject({ free: 0, credits: 0, running: 2, waiting: 4 });
    expect(pool.pool.held().filter((one) => one.startedAtMs > 0)).toHaveLength(2);
    writeFileSync(gate, '');
    expect((await ends).map(valueOf)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...pool.started.keys()]).toEqual(calls.map((call) => call.key));
    await pool.until(() => pool.pool.room().free === 2);
  });

  test('short calls raise the credits, a slow one takes them back', async () => {
    const pool = await start({ slots: 1 });
    // A busy machine makes some of them long.
    while (pool.pool.room().credits <= 8) await pool.run(pool.call(pid));
    const gate = join(pool.dataDir, 'gate');
    const slow = pool.call(holds, [gate]);
    pool.submit(slow);
    // Its only slot does not move any more: nothing is held that another worker could do.
    await pool.until(() => pool.pool.room().credits === 0);
    writeFileSync(gate, '');
    await pool.end(slow);
    await pool.until(() => pool.pool.room().credits > 1);
  });
});

describe('hand-back', () => {
  test('what waits while every slot has a long call goes back; what waits behind a slot that moves does not', async () => {
    let nowMs = 1_000;
    const pool = await start({ slots: 2, clock: { ...systemClock, mono: () => nowMs } });
    /** Time passes, and the pool looks at its slots: it does every 10 ms of the machine's. */
    const passes = async (ms: number): Promise<void> => {
      nowMs += ms;
      await pause(30);
      await new Promise((resolve) => setImmediate(resolve));
    };
    const gate = (name: string | number): string => join(pool.dataDir, `gate ${name}`);
    const long = pool.call(holds, [gate('long'), 'long']);
    const calls = Array.from({ length: 5 }, (_, x) => pool.call(holds, [gate(x), x]));
    pool.submit(long, ...calls);
    // The second slot moves, if slowly: each of its calls begins before the line has stood still for long.
    for (const [x, call] of calls.slice(0, 3).entries()) {
      await pool.until(() => pool.started.has(call.key) || pool.ends.has(call.key));
      expect(pool.ends.has(call.key)).toBe(false);
      for (const ms of [0, 90, 90]) await passes(ms);
      writeFileSync(gate(x), '');
      expect(valueOf(await pool.end(call))).toBe(x);
    }
    const [running, waiting] = calls.slice(3) as [Call, Call];
    await pool.until(() => pool.started.has(running.key));
    // Longer than any call may be and still move; then as long as the line may stand still.
    for (const ms of [160, 110]) await passes(ms);
    expect((await pool.end(waiting)).outcome).toEqual({ is: 'released', reason: 'handed_back' });
    expect(pool.started.has(waiting.key)).toBe(false);
    for (const call of [long, running]) pool.pool.cancel(call.key);
  });
});

test('what may not be started any more when its turn comes goes back, and nothing else does', async () => {
  const pool = await start({ slots: 1 });
  const code = source('def f(x): return x\n');
  const calls = [1, 2, 3, 4].map((x) => makeCall(code, [x]));
  const [late, ahead, last, free] = calls as [Call, Call, Call, Call];
  late.startBy = performance.now();
  ahead.startBy = performance.now() + 3_600_000;
  last.startBy = late.startBy;
  pool.submit(late, ahead, last);
  await pool.until(() => pool.asked.length > 0);
  pool.pool.provideCode(code.digest, code.bytes);
  for (const { key } of [late, last]) {
    expect((await pool.end(key)).outcome).toEqual({ is: 'released', reason: 'handed_back' });
    expect(pool.started.has(key)).toBe(false);
  }
  expect(valueOf(await pool.end(ahead))).toBe(2);
  // By itself: behind one that takes its time it would go back for that.
  expect(valueOf(await pool.run(free))).toBe(4);
});

describe('pipelining', () => {
  test('what waits behind a call that turns out long runs elsewhere, once', async () => {
    const pool = await start({ slots: 2 });
    await trust(pool, () => pool.call(holds, ['/', 1]));
    // One long call, then many short ones of the same function: some were sent behind it.
    const gate = join(pool.dataDir, 'gate');
    const long = pool.call(holds, [gate, 'long']);
    const short = Array.from({ length: 40 }, (_, x) => pool.call(holds, ['/', x]));
    pool.submit(long);
    const ends = await pool.runAll(short);
    expect(ends.map(valueOf)).toEqual(short.map((_, x) => x));
    expect(pool.ends.has(long.key)).toBe(false);
    for (const call of short) expect(pool.started.get(call.key)).toHaveLength(1);
    writeFileSync(gate, '');
    expect(valueOf(await pool.end(long))).toBe('long');
    // The runner that had calls taken back is in step again.
    const after = Array.from({ length: 40 }, (_, x) => pool.call(pid, [x]));
    for (const end of await pool.runAll(after)) valueOf(end);
  });

  test('calls behind one that kills its runner are not charged', async () => {
    const pool = await start({ slots: 1 });
    const maybe = source('import os\ndef f(die):\n    if die: os._exit(3)\n    return "lives"\n');
    await trust(pool, () => pool.call(maybe, [false]));
    const ends = await pool.runAll([true, false, false, true, false].map((die) => pool.call(maybe, [die])));
    expect(ends.map((end) => end.outcome.is)).toEqual(['lost', 'completed', 'completed', 'lost', 'completed']);
  });

  test('a call in the pipe can be withdrawn until it starts; a running one cannot', async () => {
    const pool = await start({ slots: 1 });
    await trust(pool, () => pool.call(holds, ['/']));
    const gate = join(pool.dataDir, 'gate');
    const calls = [gate, '/', '/'].map((path, x) => pool.call(holds, [path, x]));
    pool.submit(...calls);
    await pool.until(() => pool.started.has(calls[0]!.key));
    expect(pool.pool.withdraw(calls[0]!.key)).toBe(false);
    expect(pool.pool.withdraw(calls[1]!.key)).toBe(true);
    // The only slot has a long call: what waits behind it goes back, not to be run here.
    expect((await pool.end(calls[2]!)).outcome).toEqual({ is: 'released', reason: 'handed_back' });
    writeFileSync(gate, '');
    expect(valueOf(await pool.end(calls[0]!))).toBe(0);
    expect(pool.ends.has(calls[1]!.key)).toBe(false);
    expect(pool.started.has(calls[1]!.key)).toBe(false);
    expect(pool.pool.withdraw(calls[1]!.key)).toBe(false);
  });

  test('many withdrawals while calls run: each call runs once or is withdrawn, never both', async () => {
    const pool = await start({ slots: 2 });
    const folder = mkdtempSync(join(tmpdir(), 'starts-'));
    const starts = source(
      'import os\ndef f(folder, name):\n    with open(os.path.join(folder, name), "a") as file: file.write("x")\n',
    );
    await trust(pool, () => pool.call(starts, [folder, 'warm']));
    const withdrawn: Call[] = [];
    const kept: Call[] = [];
    for (let round = 0; round < 100; round += 1) {
      const calls = Array.from({ length: 12 }, (_, x) => pool.call(starts, [folder, `${round}-${x}`]));
      pool.submit(...calls);
      await pool.until(() => pool.ends.has(calls[round % 6]!.key));
      for (const call of calls) (pool.pool.withdraw(call.key) ? withdrawn : kept).push(call);
    }
    expect(withdrawn.length).toBeGreaterThan(0);
    // Where the machine stood still, the pool gave some back of itself: it has withdrawn them.
    const ran: Call[] = [];
    for (const call of kept) {
      const { outcome } = await pool.end(call);
      (outcome.is === 'released' && outcome.reason === 'handed_back' ? withdrawn : ran).push(call);
    }
    const count = (call: Call): number => {
      const [, name] = (JSON.parse(call.args.toString()) as { args: string[] }).args;
      try {
        return readFileSync(join(folder, name!)).length;
      } catch {
        return 0;
      }
    };
    expect(ran.map(count)).toEqual(ran.map(() => 1));
    expect(ran.length).toBeGreaterThan(0);
    expect(withdrawn.map(count)).toEqual(withdrawn.map(() => 0));
    rmSync(folder, { recursive: true });
  });
});

describe('calls of middling length', () => {
  /** Ends when `path` exists, after 30 ms at the least, and says so in `path` with '.done' behind it. */
  const waits = source(
    'import os, time\ndef f(path):\n    time.sleep(0.03)\n    while not os.path.exists(path): time.sleep(0.001)\n' +
      '    open(path + ".done", "w").close()\n    return path\n',
  );
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'middling-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const call = (pool: TestPool, name: string): Call => pool.call(waits, [join(folder, name)]);
  const open = (...names: string[]): void => names.forEach((name) => writeFileSync(join(folder, name), ''));

  test('one follows another in a runner without a word from the pool', async () => {
    const pool = await start({ slots: 1 });
    open('warm');
    await trust(pool, () => call(pool, 'warm'));
    const [first, next, third] = ['first', 'next', 'third'].map((name) => call(pool, name)) as [Call, Call, Call];
    const ends = pool.runAll([first, next, third]);
    await pool.until(() => pool.started.has(first.key));
    // What a turn has sent has left when the next one begins. From here on the pool gets no turn.
    await new Promise((resolve) => setImmediate(resolve));
    open('first', 'next', 'third');
    const patience = performance.now() + 20_000;
    while (!existsSync(join(folder, 'next.done')) && performance.now() < patience);
    expect(existsSync(join(folder, 'next.done'))).toBe(true);
    // No more than one was there.
    expect(existsSync(join(folder, 'third.done'))).toBe(false);
    for (const end of await ends) expect(valueOf(end)).toContain(folder);
  });

  test('a slot that becomes free takes over what waits behind the call of another', async () => {
    let stands = Infinity;
    const pool = await start({ slots: 2, clock: { ...systemClock, mono: () => Math.min(performance.now(), stands) } });
    open('warm');
    await trust(pool, () => call(pool, 'warm'));
    const [long, short, behind] = ['long', 'short', 'behind'].map((name) => call(pool, name)) as [Call, Call, Call];
    pool.submit(long, short, behind);
    await pool.until(() => pool.started.has(long.key) && pool.started.has(short.key));
    // Time stands still: no call is found to run for too long, so nothing else lets go of what is behind one.
    stands = performance.now();
    open('short', 'behind');
    valueOf(await pool.end(behind));
    expect(pool.ends.has(long.key)).toBe(false);
    expect(pool.started.get(behind.key)).toHaveLength(1);
    open('long');
    valueOf(await pool.end(long));
  });
});

describe('cancel', () => {
  test('kills a running call and tells nothing of it', async () => {
    const pool = await start({ slots: 1 });
    const call = pool.call(sleeps, [1000]);
    pool.submit(call);
    await pool.until(() => pool.started.has(call.key));
    pool.pool.cancel(call.key);
    expect(pool.pool.held()).toEqual([]);
    expect((await pool.runAll([pool.call(sleeps, [0, 'next'])])).map(valueOf)).toEqual(['next']);
    expect(pool.ends.has(call.key)).toBe(false);
  });

  test('drops a waiting one', async () => {
    const pool = await start({ slots: 1 });
    const dropped = pool.call(sleeps, [0]);
    pool.submit(pool.call(sleeps, [0.1]), dropped);
    const ends = pool.runAll([pool.call(sleeps, [0, 'last'])]);
    pool.pool.cancel(dropped.key);
    expect((await ends).map(valueOf)).toEqual(['last']);
    expect(pool.started.has(dropped.key)).toBe(false);
  });
});

describe('isolation', () => {
  test('warm calls share a process, task calls never do', async () => {
    const pool = await start({ slots: 1 });
    const warm = [valueOf(await pool.run(pool.call(pid))), valueOf(await pool.run(pool.call(pid)))];
    expect(warm[0]).toBe(warm[1]);
    const calls = Array.from({ length: 60 }, () => pool.call(pid, [], { isolation: 'task' }));
    const pids = (await pool.runAll(calls)).map(valueOf);
    expect(new Set([...pids, warm[0]]).size).toBe(61);
  });

  test('a runner sees an explicit environment, not its owner’s', async () => {
    const environment = { ...process.env, MPCSFAAS_REDIS_URL: 'secret', SECRET: 'secret', LC_ALL: 'C.UTF-8' };
    const pool = await start({ environment });
    const env = valueOf(await pool.run(pool.call(source('import os\ndef env(): return dict(os.environ)\n')))) as object;
    expect(JSON.stringify(env)).not.toContain('secret');
    expect(env).toMatchObject({ PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' });
  });
});

describe('functions by reference', () => {
  test('come from pythonPath, and a changed file is seen by the next call', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'));
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner', '__init__.py'), '');
    const file = join(folder, 'inner', 'theirs.py');
    writeFileSync(file, 'def f(): return 1\n');
    const pool = await start({ slots: 2, pythonPath: [folder] });
    const call = (): Call =>
      pool.call(
        dilled(`import sys; sys.path.insert(0, ${JSON.stringify(folder)})\nimport inner.theirs\ninner.theirs.f`),
        [],
      );
    for (let version = 1; version < 5; version += 1) {
      writeFileSync(file, `def f(): return ${version}\n`);
      utimesSync(file, version, version);
      for (let round = 0; round < 3; round += 1) expect(valueOf(await pool.run(call()))).toBe(version);
    }
    rmSync(folder, { recursive: true });
  });

  test('a file that is edited during the call that imports it is seen by the next', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'));
    const file = join(folder, 'edited.py');
    writeFileSync(file, 'VALUE = "before"\n');
    const pool = await start({ slots: 1, pythonPath: [folder] });
    const edit = source(
      'def edit():\n    import edited\n    with open(edited.__file__, "w") as file:\n' +
        '        file.write("VALUE = \'after that\'\\n")\n    return edited.VALUE',
    );
    const read = source('def read():\n    import edited\n    return edited.VALUE');
    expect(valueOf(await pool.run(pool.call(edit)))).toBe('before');
    expect(valueOf(await pool.run(pool.call(read)))).toBe('after that');
    rmSync(folder, { recursive: true });
  });

  test('an edit within the second that leaves the size is seen, and nothing is written beside the file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'));
    const file = join(folder, 'quick.py');
    const pool = await start({ slots: 1, pythonPath: [folder] });
    const read = source('def read():\n    import quick\n    return quick.VALUE');
    for (let version = 1; version < 4; version += 1) {
      writeFileSync(file, `VALUE = ${version}\n`);
      utimesSync(file, 1_000_000, 1_000_000 + version / 10);
      expect(valueOf(await pool.run(pool.call(read)))).toBe(version);
    }
    expect(readdirSync(folder)).toEqual(['quick.py']);
    rmSync(folder, { recursive: true });
  });

  test('a module that is missing is named, with the option', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'));
    writeFileSync(join(folder, 'nowhere_here.py'), 'def f(): return 1\n');
    const lost = dilled(
      `import sys; sys.path.insert(0, ${JSON.stringify(folder)})\nimport nowhere_here\nnowhere_here.f`,
    );
    rmSync(folder, { recursive: true });
    const pool = await start();
    pool.pool.provideCode(lost.digest, lost.bytes);
    const { outcome } = await pool.run(makeCall(lost, pickled('((), {})')));
    expect(outcome).toMatchObject({ is: 'failed', kind: 'load_failed', error: { type: 'ModuleNotFoundError' } });
    if (outcome.is !== 'failed') return;
    expect(outcome.error.message).toMatch(/'nowhere_here'.*--python-path/);
    expect(unpickled(outcome.pickle, 'type(v).__name__')).toBe('ModuleNotFoundError');
  });
});

describe('code', () => {
  test.each([
    ['cannot be had for the moment releases its calls', false, { is: 'released', reason: 'no_code' }],
    ['is gone ends them', true, { is: 'failed', kind: 'load_failed', error: { type: 'FunctionGone' } }],
  ])('that %s', async (_, gone, outcome) => {
    const pool = await start();
    const call = makeCall(source('def never(): pass'), []);
    pool.submit(call);
    await pool.until(() => pool.asked.length === 1);
    pool.pool.refuseCode(call.spec.digest, gone);
    expect((await pool.end(call)).outcome).toMatchObject(outcome);
  });
});

describe('stop', () => {
  test('gives back what waits, lets what runs finish in its grace', async () => {
    const pool = await start({ slots: 1 });
    const calls = [pool.call(sleeps, [0.2, 'done']), pool.call(sleeps, [0])];
    pool.submit(...calls);
    await pool.until(() => pool.started.size === 1);
    const stopped = Promise.all([pool.pool.stop(10_000), pool.pool.stop(10_000)]);
    expect(pool.pool.room()).toEqual({ free: 0, credits: 0, running: 1, waiting: 1 });
    await stopped;
    expect(valueOf(await pool.end(calls[0]!))).toBe('done');
    expect((await pool.end(calls[1]!)).outcome).toEqual({ is: 'released', reason: 'drain' });
  });

  test('kills what runs over its grace and gives it back', async () => {
    const pool = await start({ slots: 2 });
    const calls = [pool.call(sleeps, [1000]), pool.call(sleeps, [1000])];
    pool.submit(...calls);
    await pool.until(() => pool.started.size === 2);
    await pool.pool.stop(20);
    for (const call of calls) expect((await pool.end(call)).outcome).toEqual({ is: 'released', reason: 'drain' });
  });

  test('told again with less time, kills after that', async () => {
    const pool = await start({ slots: 1 });
    const call = pool.call(sleeps, [1000]);
    pool.submit(call);
    await pool.until(() => pool.started.size === 1);
    const stopped = pool.pool.stop(1_000_000);
    await Promise.all([pool.pool.stop(20), pool.pool.stop(500_000), stopped]);
    expect((await pool.end(call)).outcome).toEqual({ is: 'released', reason: 'drain' });
  });

  test('of at-most-once calls, gives back those that wait; what was killed in the middle is lost', async () => {
    const pool = await start({ slots: 1 });
    const calls = [1, 2].map(() => pool.call(sleeps, [1000], { at_most_once: true }));
    pool.submit(...calls);
    await pool.until(() => pool.started.size === 1);
    await pool.pool.stop(20);
    expect((await pool.end(calls[0]!)).outcome).toMatchObject({
      is: 'lost',
      error: { message: expect.stringMatching(/at most once/) as string },
    });
    expect((await pool.end(calls[1]!)).outcome).toEqual({ is: 'released', reason: 'drain' });
  });
});

test('what a call prints is told while it runs', async () => {
  const pool = await start();
  const gate = join(pool.dataDir, 'gate');
  const prints = source(
    'import os, time\ndef f(path):\n    print("early")\n    while not os.path.exists(path): time.sleep(0.005)\n    print("late")\n',
  );
  const call = pool.call(prints, [gate]);
  pool.submit(call);
  await pool.until(() => pool.printed.length > 0);
  expect(pool.ends.has(call.key)).toBe(false);
  expect(pool.printed[0]).toMatchObject({ key: call.key, chunk: { stream: 'stdout', offset: 0 } });
  expect(pool.printed[0]!.chunk.bytes.toString()).toBe('early\n');
  writeFileSync(gate, '');
  expect((await pool.end(call)).logs?.stdout.head.toString()).toBe('early\nlate\n');
});

test('raw output belongs to the call that wrote it', async () => {
  const pool = await start({ slots: 2 });
  const raw = source('import os\ndef f(x):\n    os.write(1, b"raw %d" % x)\n    os.write(2, b"err %d" % x)\n');
  const calls = Array.from({ length: 200 }, (_, x) => pool.call(raw, [x]));
  for (const [x, { logs }] of (await pool.runAll(calls)).entries()) {
    expect(logs?.stdout.head.toString()).toBe(`raw ${x}`);
    expect(logs?.stderr.head.toString()).toBe(`err ${x}`);
  }
});

test('a Python that is not there is said, and its calls are given back', async () => {
  const pool = await start({ python: '/nowhere/python3' });
  expect(pool.pool.runtimes.find((one) => one.runtime === 'python')?.broken).toMatch(/no Python at .*--python/);
  const { outcome } = await pool.run(pool.call(pid));
  expect(outcome).toEqual({ is: 'released', reason: 'runner_unavailable' });
});
