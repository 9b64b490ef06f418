// One runner over a scripted child that speaks the real sockets: who is charged when it dies.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Outcome } from '../../src/lifecycle/outcome.ts';
import type { Child, Death } from '../../src/runner/child.ts';
import { notePace } from '../../src/runner/depth.ts';
import { FunctionTable, type Fn } from '../../src/runner/functions.ts';
import { heldCall, type HeldCall } from '../../src/runner/held.ts';
import { killGroup } from '../../src/runner/processes.ts';
import { Runner, type RunnerEvents } from '../../src/runner/runner.ts';
import { start } from '../../src/runner/spawn.ts';
import { makeCall, PYTHON, source } from './harness.ts';

/** Descriptors: 3 the channel, 4 the gate. `frame()` reads one frame, `value(n)` answers call n with null. */
const PRELUDE = `
import os, struct, sys
def exactly(n):
    data = b''
    while len(data) < n:
        more = os.read(3, n - len(data))
        if not more: os._exit(0)
        data += more
    return data
def frame(): return exactly(struct.unpack('<I', exactly(4))[0])
def value(n): os.write(3, struct.pack('<IBIBII', 18, 2, n, 4, 0, 4) + b'null')
os.write(3, struct.pack('<IB', 1, 1))
`;

async function scripted(script: string): Promise<Child> {
  const { process: child, ...started } = await start({
    command: PYTHON,
    args: ['-c', PRELUDE + script],
    env: {},
    cwd: '/',
    descriptors: ['duplex', 'gate'],
    kept: false,
  });
  const gone = once(child, 'exit').then(([code, signal]): Death =>
    signal ? { is: 'signal', signal: 9 } : { is: 'exit', code: Number(code) },
  );
  return {
    runtime: 'python',
    pid: started.pid,
    channel: started.sockets[0]!,
    stdout: child.stdout as Child['stdout'],
    stderr: child.stderr as Child['stderr'],
    gate: started.gates[0]!,
    kill: () => killGroup(started.pid),
    gone,
  };
}

const code = source('def f(): pass');

function trusted(): Fn {
  const fn = new FunctionTable().of(makeCall(code, []).spec);
  for (let run = 0; run < 8; run += 1) notePace(fn, 1, 0);
  return fn;
}

/** A runner over the child, which is sent `count` calls at once when it is ready; `told` hears the rest. */
function sending(child: Child, count: number, told: Partial<RunnerEvents>): { runner: Runner; held: HeldCall[] } {
  const fn = trusted();
  const held = Array.from({ length: count }, () => heldCall(makeCall(code, [], { timeout_ms: 900_000 }), fn));
  const nothing = (): void => undefined;
  const limits = { headBytes: 100, tailBytes: 100 };
  const runner = new Runner(child, { runtime: 'python', version: '3' }, systemClock, limits, {
    started: nothing,
    printed: nothing,
    ran: nothing,
    freed: nothing,
    ended: nothing,
    returned: nothing,
    gone: nothing,
    ...told,
    ready: () => {
      for (const one of held) runner.send(one, code.bytes);
      runner.flush();
      told.ready?.(runner);
    },
  });
  return { runner, held };
}

/** What became of two calls that were sent together, the second one behind the first. */
async function fates(script: string): Promise<string[]> {
  const fate = new Map<HeldCall, string>();
  const over = Promise.withResolvers<undefined>();
  const { held } = sending(await scripted(script), 2, {
    ended: (one, outcome: Outcome) => fate.set(one, outcome.is),
    returned: (calls) => calls.forEach((one) => fate.set(one, 'returned')),
    gone: () => over.resolve(undefined),
  });
  await over.promise;
  return held.map((one) => fate.get(one) ?? 'forgotten');
}

test.each([
  ['in the first call', 'frame(); frame(); frame(); os._exit(3)', ['lost', 'returned']],
  ['between two calls', 'frame(); frame(); frame(); value(1); os._exit(3)', ['completed', 'returned']],
  ['in the second call', 'frame(); frame(); frame(); value(1); os.read(4, 4); os._exit(3)', ['completed', 'lost']],
  [
    'after both',
    'frame(); frame(); frame(); value(1); os.read(4, 4); value(2); os._exit(3)',
    ['completed', 'completed'],
  ],
])('a child that dies %s', async (_when, script, expected) => {
  expect(await fates(script)).toEqual(expected);
});

test('a child whose death is told late, by a parent that is busy, died as it did', async () => {
  const child = await scripted('frame(); frame(); os._exit(3)');
  const told = Promise.withResolvers<Outcome>();
  sending({ ...child, gone: child.gone.then((death) => pause(400, death)) }, 1, {
    ended: (_one, outcome) => told.resolve(outcome),
  });
  expect(await told.promise).toMatchObject({
    is: 'lost',
    error: { message: expect.stringMatching(/exit code 3/) as string },
  });
});

test('a child that answers out of turn is killed, and only the running call is charged', async () => {
  expect(await fates('frame(); frame(); frame(); value(2); frame()')).toEqual(['lost', 'returned']);
});

test('a call that dies with withdrawn calls unread behind it is charged', async () => {
  // It has read the function and the first call, and nothing more, when it says so.
  const child = await scripted('frame(); frame(); os.write(1, b"begun"); import time; time.sleep(1000)');
  const fate = Promise.withResolvers<string>();
  const returned: HeldCall[] = [];
  const { held } = sending(child, 2, {
    ended: (one, outcome) => fate.resolve(`${held.indexOf(one)} ${outcome.is}`),
    // Raw bytes: what was sent ahead comes back, to run one by one.
    returned: (calls) => {
      returned.push(...calls);
      killGroup(child.pid);
    },
  });
  expect(await fate.promise).toBe('0 lost');
  expect(returned).toEqual([held[1]]);
});

test('a single call that the child did not read is not charged', async () => {
  const child = await scripted('import time; time.sleep(1000)');
  const fate = Promise.withResolvers<string>();
  sending(child, 1, {
    ready: () => setImmediate(() => killGroup(child.pid)),
    ended: (_one, outcome) => fate.resolve(outcome.is),
    returned: () => fate.resolve('returned'),
  });
  expect(await fate.promise).toBe('returned');
});

test('calls that were sent ahead of a function that turns out to write raw bytes are all told of', async () => {
  const fate = new Map<HeldCall, string>();
  const told = Promise.withResolvers<undefined>();
  // All answers come at once, as they do to a busy parent.
  const script = `
for _ in range(7): frame()
os.write(3, b''.join(struct.pack('<IBIBII', 18, 2, n, 4, 0, 4) + b'null' for n in range(1, 7)))
frame()
`;
  const { runner, held } = sending(await scripted(script), 6, {
    ready: () => {
      for (const one of held) one.fn.raw = true;
    },
    ended: (one, outcome: Outcome) => {
      fate.set(one, outcome.is);
      if (fate.size === 6) told.resolve(undefined);
    },
  });
  await told.promise;
  expect(held.map((one) => fate.get(one))).toEqual(Array.from({ length: 6 }, () => 'completed'));
  expect(runner.calls).toBe(0);
  runner.kill({ is: 'retired' });
});

/** From now on an answered call is waited for, until its raw output must be here. */
function writesRaw(held: readonly HeldCall[]): void {
  for (const { fn } of held) fn.raw = true;
}

test('a call that the child has begun, and our books have not, is not over its time', async () => {
  const fate = Promise.withResolvers<string>();
  const over = Promise.withResolvers<undefined>();
  const child = await scripted('frame(); frame(); frame(); value(1); os.read(4, 4); frame(); value(2); frame()');
  const { runner, held } = sending(child, 2, {
    ready: () => writesRaw(held),
    // Before the next one begins. The time that a worker has been up for is longer than any limit.
    ran: (one) => one === held[0] && setImmediate(() => runner.tick(1e9)),
    // Its answer is due when it is begun here, too.
    started: (one) => one === held[1] && child.channel.write(Buffer.alloc(4)),
    ended: (one, outcome) => one === held[1] && fate.resolve(outcome.is),
    gone: () => over.resolve(undefined),
  });
  expect(await fate.promise).toBe('completed');
  killGroup(child.pid);
  await over.promise;
});

test('a canceled call that was answered before it began by our books takes nobody along', async () => {
  const script = `
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
for _ in range(4): frame()
os.read(4, 4); os.read(4, 4)  # it is in the last one
os.write(1, b'x')
signal.sigwait([signal.SIGUSR1])
answer = lambda n: struct.pack('<IBIBII', 18, 2, n, 4, 0, 4) + b'null'
os.write(3, answer(1) + answer(2))
frame()
`;
  const child = await scripted(script);
  const fate = new Map<HeldCall, string>();
  const over = Promise.withResolvers<undefined>();
  const { runner, held } = sending(child, 3, {
    ended: (one, outcome) => fate.set(one, outcome.is),
    returned: (calls) => calls.forEach((one) => fate.set(one, 'returned')),
    gone: () => over.resolve(undefined),
  });
  await once(child.stdout, 'data');
  runner.cancel(held[1]!);
  process.kill(child.pid, 'SIGUSR1');
  await over.promise;
  // The child has begun the last one: to run it again within the same attempt would be a second start that nobody counts, and
  // it did not end its runner.
  expect(held.map((one) => fate.get(one))).toEqual(['completed', undefined, 'released']);
});
