// A queue that others keep nearly full: what there is room for goes in, and nothing twice.
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Faas, QueueFull } from '../src/index.ts';
import { refuse, say, sayEnds, serve, stopServing } from './fake.ts';

afterEach(stopServing);

/** Takes as many tasks at once as `room` says, or answers otherwise where `instead` does; the sizes of what it took. */
async function taking(room: () => number, instead?: (n: number, response: ServerResponse, size: number) => boolean) {
  const sizes: number[] = [];
  let n = 0;
  const { url, asked } = await serve(({ path, body }, response) => {
    if (path.startsWith('/v1/events'))
      return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
    if (path === '/v1/results') return sayEnds(response, body, true);
    n += 1;
    const { tasks } = JSON.parse(body) as { tasks?: unknown[] };
    const size = tasks?.length ?? 1;
    if (instead?.(n, response, size) === true) return;
    if (size > room()) return refuse(response, 429, 'queue_full');
    sizes.push(size);
    const task_ids = tasks?.map(() => crypto.randomUUID());
    say(response, 201, task_ids === undefined ? { task_id: crypto.randomUUID() } : { task_ids });
  });
  return { url, asked, sizes };
}

describe('where a request as a whole finds no room', () => {
  it('a map goes in by parts, ever larger ones', async () => {
    let room = 3;
    const { url, sizes } = await taking(() => {
      if (sizes.length === 4) room = 1_000;
      return room;
    });
    const inputs = Array.from({ length: 900 }, (_, n) => n);
    expect(await new Faas({ url, retries: 0 }).function('f').map(inputs).toArray()).toHaveLength(900);
    expect(Math.max(...sizes.slice(0, 4))).toBeLessThanOrEqual(3);
    expect(sizes.length).toBeLessThan(18);
  });

  it('so it does where something in front of the service takes no large requests', async () => {
    const { url, sizes } = await taking(
      () => 1_000,
      (_, response, size) => {
        if (size > 20) response.writeHead(413).end('<h1>413 Request Entity Too Large</h1>');
        return size > 20;
      },
    );
    const inputs = Array.from({ length: 200 }, (_, n) => n);
    expect(await new Faas({ url }).function('f').map(inputs).toArray()).toHaveLength(200);
    expect(Math.max(...sizes)).toBeGreaterThan(5);
  });

  it('calls that went together are queued as far as there is room, and the others told soon', async () => {
    let room = 700;
    const { url, asked, sizes } = await taking(() => room - sizes.reduce((sum, size) => sum + size, 0));
    const f = new Faas({ url, retries: 1 }).function<[number], string>('f');
    const told = await Promise.allSettled(Array.from({ length: 1_000 }, (_, n) => f.submit(n)));
    const faults = told.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(faults).toHaveLength(300);
    expect(faults.every((fault) => fault instanceof QueueFull)).toBe(true);
    expect(asked.length).toBeLessThan(40);
    room += 1;
    await f.submit(1);
  });

  it('what may have been taken before is not asked for in other requests', async () => {
    // The first call goes by itself.
    const { url, asked } = await taking(
      () => 0,
      (n, response) => {
        if (n === 1) response.destroy();
        return n === 1;
      },
    );
    const f = new Faas({ url, retries: 2 }).function<[number], string>('f');
    const told = await Promise.allSettled([f.submit(1), f.submit(2), f.submit(3)]);
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(new Set(asked.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
    expect(asked).toHaveLength(3);
  });
});
