// What waits to be told to a worker: tasks in bounded messages, large arguments in parts, within their window.
import { describe, expect, it } from 'vitest';
import { Outgoing } from '../../src/dispatcher/fleet/outgoing.ts';
import { PART_BYTES, PART_WINDOW_BYTES, PayloadReader, type DispatcherItem } from '../../src/protocol/index.ts';
import type { ClaimedTask } from '../../src/store/index.ts';

const packed = Buffer.from('header');

function task(token: string, args: Buffer): ClaimedTask {
  const fence = { id: `id-${token}`, attempt: 1, token };
  return { fence, spec: {} as ClaimedTask['spec'], packed, lane: '', args, losses: 0, retries: 0 };
}

const kinds = (items: DispatcherItem[]): string[] => items.map(({ k }) => k);

describe('outgoing', () => {
  it('tells all there is in one message, payloads by reference', () => {
    const outgoing = new Outgoing();
    outgoing.name('settled', 'x');
    outgoing.name('settled', 'y');
    outgoing.task(task('a', Buffer.from('first')), 0);
    outgoing.task(task('b', Buffer.from('second')), 0);
    const { items, payloads } = outgoing.take(true, 0, (tasks) => tasks.length + 40);
    expect(kinds(items)).toEqual(['settled', 'tasks']);
    expect(items[0]).toEqual({ k: 'settled', tokens: ['x', 'y'] });
    const delivery = items[1] as Extract<DispatcherItem, { k: 'tasks' }>;
    expect(delivery.number).toBe(42);
    const reader = new PayloadReader(payloads);
    expect(delivery.headers.map(String)).toEqual(['header']);
    expect(delivery.tasks.map(({ h }) => h)).toEqual([0, 0]);
    expect(delivery.tasks.map(({ args }) => reader.read(args).toString())).toEqual(['first', 'second']);
    expect([outgoing.hasTalk, outgoing.hasWork]).toEqual([false, false]);
  });

  it('tells for how long a task may still wait, from when it leaves; a time that is over is none', () => {
    const outgoing = new Outgoing();
    outgoing.task({ ...task('a', Buffer.alloc(1)), startWithinMs: 1_000 }, 5_000);
    outgoing.task({ ...task('b', Buffer.alloc(1)), startWithinMs: 100 }, 5_000.5);
    outgoing.task(task('c', Buffer.alloc(1)), 5_000);
    const { items } = outgoing.take(true, 5_200.25, () => 1);
    const { tasks } = items[0] as Extract<DispatcherItem, { k: 'tasks' }>;
    expect(tasks.map(({ within }) => within)).toEqual([800, 0, undefined]);
    expect('within' in tasks[2]!).toBe(false);
  });

  it('keeps work back where it may only talk', () => {
    const outgoing = new Outgoing();
    outgoing.task(task('a', Buffer.from('first')), 0);
    outgoing.name('drop', 'z');
    expect(kinds(outgoing.take(false, 0, () => 1).items)).toEqual(['drop']);
    expect(outgoing.hasWork).toBe(true);
  });

  it('closes a message before it grows past a frame', () => {
    const outgoing = new Outgoing();
    for (let n = 0; n < 40; n += 1) outgoing.task(task(`t${n}`, Buffer.alloc(100_000)), 0);
    let delivered = 0;
    while (outgoing.hasWork) {
      const { payloads } = outgoing.take(true, 0, (tasks) => (delivered += tasks.length));
      expect(payloads.reduce((sum, frame) => sum + frame.length, 0)).toBeLessThan(PART_BYTES + 200_000);
    }
    expect(delivered).toBe(40);
  });

  it('closes a message before its own headers grow past a frame', () => {
    const outgoing = new Outgoing();
    const tagged = (n: number): Buffer => Buffer.alloc(100_000, n);
    for (let n = 0; n < 60; n += 1) outgoing.task({ ...task(`t${n}`, Buffer.alloc(1)), packed: tagged(n) }, 0);
    let delivered = 0;
    while (outgoing.hasWork) {
      const { items } = outgoing.take(true, 0, (tasks) => (delivered += tasks.length));
      const { headers } = items[0] as Extract<DispatcherItem, { k: 'tasks' }>;
      expect(headers.reduce((sum, header) => sum + header.length, 0)).toBeLessThan(PART_BYTES + 100_000);
    }
    expect(delivered).toBe(60);
  });

  it('sends large arguments in parts, no further than the window, until the worker has received some', () => {
    const outgoing = new Outgoing();
    const args = Buffer.alloc(PART_WINDOW_BYTES + 3 * PART_BYTES + 5, 1);
    outgoing.task(task('big', args), 0);
    let sent = 0;
    const drain = (): void => {
      while (outgoing.hasWork) {
        const { items, payloads } = outgoing.take(true, 0, () => 1);
        for (const item of items) {
          if (item.k !== 'part') continue;
          expect(item.offset).toBe(sent);
          sent += new PayloadReader(payloads).read(item.bytes).length;
        }
      }
    };
    drain();
    expect(sent).toBe(PART_WINDOW_BYTES);
    outgoing.received(PART_WINDOW_BYTES);
    drain();
    expect(sent).toBe(args.length);
  });

  it('takes back what has not left, and stops the parts of what was dropped', () => {
    const outgoing = new Outgoing();
    outgoing.task(task('a', Buffer.alloc(1)), 0);
    expect(outgoing.recallUnsent('a')?.fence.token).toBe('a');
    expect(outgoing.recallUnsent('a')).toBeUndefined();
    outgoing.task(task('big', Buffer.alloc(3 * PART_BYTES)), 0);
    outgoing.take(true, 0, () => 1);
    outgoing.forget('big');
    expect(outgoing.hasWork).toBe(false);
  });
});
