// Cursors: ours are followed, what is none is refused; the same on both stores, since it is refused before either.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openRedisStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { startRedis } from '../store/redis-server.ts';
import type { RedisServer } from '../store/redis-server.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

const GARBAGE = ['x', '-1', '1e3', '../1', '018f', '0x10', '12 34', '%00', 'null', '9'.repeat(40), 'é', '1-', ',1-0'];

describe.each(['embedded', 'redis'])('on the %s store', (kind) => {
  let redis: RedisServer | undefined;
  let other: Store | undefined;
  let rig: Rig;
  beforeAll(async () => {
    if (kind === 'redis') {
      redis = await startRedis();
      other = await openRedisStore({ url: redis.url, clock: systemClock, onError: () => undefined });
    }
    rig = await startRig({ around: (store) => other ?? store });
    for (const name of ['a', 'b', 'c']) await addFunction(rig, name);
    await rig.post('/v1/tasks/batch', { tasks: [{ function: 'a' }, { function: 'b' }, { function: 'c' }] });
  });
  afterAll(async () => {
    await rig.stop();
    await other?.close();
    await redis?.remove();
  });

  it.each(['/v1/tasks', '/v1/functions'])('%s follows its own and refuses any other', async (path) => {
    const first = (await rig.get(`${path}?limit=2`)).body;
    const second = (await rig.get(`${path}?limit=2&cursor=${encodeURIComponent(first.next_cursor)}`)).body;
    expect([first.items.length, second.items.length, second.next_cursor]).toEqual([2, 1, '']);
    for (const cursor of GARBAGE) {
      const answer = await rig.get(`${path}?cursor=${encodeURIComponent(cursor)}`);
      expect([cursor, answer.status, answer.body.code]).toEqual([cursor, 400, 'invalid_cursor']);
    }
    expect((await rig.get(`${path}?cursor=`)).body.items.length).toBe(3);
  });

  it('/v1/events refuses what is none, and resets one of another store', async () => {
    for (const cursor of GARBAGE) {
      const answer = await rig.get(`/v1/events?after=${encodeURIComponent(cursor)}`);
      expect([cursor, answer.status, answer.body.code]).toEqual([cursor, 400, 'invalid_cursor']);
    }
    expect((await rig.get('/v1/tasks?state=FAILED&limit=1')).body).toMatchObject({
      ...{
        status: 422,
        code: 'validation_failed',
        errors: [{ pointer: '/state', message: 'is not a known parameter' }],
      },
    });
    expect((await rig.get('/v1/events', { 'last-event-id': 'mine' })).body.code).toBe('invalid_cursor');
    const foreign = kind === 'redis' ? '7' : '1763885000000-0';
    const stream = await fetch(`${rig.url}/v1/events?after=${foreign}`);
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('event: reset')) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    expect(text).toContain('event: reset');
    await reader.cancel();
  });
});
