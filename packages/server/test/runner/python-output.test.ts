// What a Python call prints from threads and signal handlers, beside its answer and in the midst of itself: every frame is whole.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { source, TestPool, valueOf } from './harness.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

test('a large result is whole where a thread goes on printing', async () => {
  const text =
    'import threading\ndef chatters(size):\n    def chatter():\n        while True: print("chatter")\n' +
    '    threading.Thread(target=chatter, daemon=True).start()\n    return "r" * size\n';
  for (let round = 0; round < 4; round += 1) {
    const value = valueOf(await pool.run(pool.call(source(text), [10_000_000])));
    expect(value === 'r'.repeat(10_000_000)).toBe(true);
  }
});

test('what a signal handler prints while its own thread prints comes whole, behind that', async () => {
  // Armed anew by its handler: none is interrupted by the next.
  const text =
    'import signal, sys\ndef prints(ticks):\n    seen = 0\n    def tick(*_):\n        nonlocal seen\n        seen += 1\n' +
    '        print("tick", file=sys.stderr)\n        signal.setitimer(signal.ITIMER_REAL, 1e-4)\n' +
    '    signal.signal(signal.SIGALRM, tick)\n    signal.setitimer(signal.ITIMER_REAL, 1e-4)\n' +
    '    while seen < ticks: print("x" * 30000)\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    return seen\n';
  const end = await pool.run(pool.call(source(text), [200]));
  expect(end.logs?.stderr.total).toBe('tick\n'.length * (valueOf(end) as number));
});

test('an exception of a signal handler that interrupts what is printed leaves the answer whole', async () => {
  const text =
    'import signal\nclass Late(Exception): pass\ndef _late(*_): raise Late\ndef prints(times):\n' +
    '    signal.signal(signal.SIGALRM, _late)\n    caught = 0\n    while caught < times:\n        try:\n' +
    '            signal.setitimer(signal.ITIMER_REAL, 1e-4)\n            while True: print("x" * 100000)\n' +
    '        except Late:\n            caught += 1\n    return [caught, "r" * 300000]\n';
  expect(valueOf(await pool.run(pool.call(source(text), [200])))).toEqual([200, 'r'.repeat(300_000)]);
});
