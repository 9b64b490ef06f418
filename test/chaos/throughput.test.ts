// The measurement of throughput ends when it should, however slow the system is, and what came too late is not measured.
import { describe, expect, it } from 'vitest';
import { now } from './now.ts';
import { standIn } from './stand-in.ts';
import { notBack, throughput } from './throughput.ts';

/** A service whose bursts take this many ms each, one after the other; the last one holds for all that follow. */
async function service(...bursts: number[]): Promise<{ url: string; bursts: () => number }> {
  let made = 0;
  const url = await standIn((request, response) => {
    const answer = (status: number, body: unknown, ms = 0): void =>
      void setTimeout(() => response.writeHead(status).end(JSON.stringify(body)), ms);
    if (request.url === '/v1/tasks/batch') {
      made += 1;
      answer(201, { task_ids: ['task'] });
    } else answer(200, { results: [{ task_id: 'task' }], unknown: [] }, bursts[made - 1] ?? bursts.at(-1));
    request.resume();
  });
  return { url, bursts: () => made };
}

describe('throughput', () => {
  it('is measured on where it is too little, and given up after the time it has', async () => {
    const { url } = await service(30);
    const begin = now();
    const { perSecond } = await throughput(url, 'f', { forMs: 1, enough: Infinity, atMostMs: 400 });
    expect(perSecond).toBeGreaterThan(0);
    expect(now() - begin).toBeGreaterThanOrEqual(400);
  });

  it('is not measured after that: one burst that took all the time is all there is', async () => {
    const slow = await service(300, 0);
    const { perSecond, tasks } = await throughput(slow.url, 'f', { forMs: 1, enough: Infinity, atMostMs: 200 });
    expect(slow.bursts()).toBe(1);
    expect(tasks).toBe(300);
    expect(perSecond).toBeLessThan(1100);
  });

  it('is measured twice at least, where there is time', async () => {
    const { url, bursts } = await service(100, 0);
    await throughput(url, 'f', { forMs: 1, enough: 0, atMostMs: 60_000 });
    expect(bursts()).toBe(2);
  });

  it('that is below half of what it was is not back', () => {
    expect(notBack(1000, 500)).toEqual([]);
    expect(notBack(1000, 499)).toEqual(['throughput 499/s after the faults, 1000/s before']);
  });
});
