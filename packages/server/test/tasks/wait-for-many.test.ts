// Waiting for many: for the first end or for all, at the price of one read; ends that were announced are not read again.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import type { ClaimedTask, Hint, Store, TaskEnd } from '../../src/store/index.ts';
import { DONE, addFunction, startRig } from '../service/harness.ts';
import type { Answer, End, Rig } from '../service/harness.ts';

let rig: Rig;
/** How many ids were asked of the store. */
let read = 0;
let say: (hint: Hint) => void;
let deaf = false;

beforeEach(async () => {
  read = 0;
  deaf = false;
  rig = await startRig({
    around: (store: Store): Store => ({
      ...store,
      progress: async (tenant, ids) => {
        const found = await store.progress(tenant, ids);
        read += ids.length;
        return found;
      },
      subscribe: (onHint) => {
        say = onHint;
        return store.subscribe((hint) => (deaf ? undefined : onHint(hint)));
      },
    }),
  });
  await addFunction(rig);
});
afterEach(() => rig.stop());

async function submit(count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, () => ({ function: 'double' }));
  return (await rig.post('/v1/tasks/batch', { tasks })).body.task_ids;
}

async function end(claimed: readonly ClaimedTask[], how: End = DONE): Promise<void> {
  const base = { worker: 'w1', startedAt: 1, logs: null, is: 'end' as const };
  await rig.store.settle(
    'default',
    claimed.map(({ fence }) => ({ ...base, fence, ...how })),
  );
}

/** Asks, and resolves once the service waits: its first read is done. */
async function ask(body: object): Promise<{ answer: Promise<Answer>; answered: () => boolean }> {
  const before = read;
  let done = false;
  const answer = rig.post('/v1/results', { wait_ms: 60_000, ...body }).finally(() => (done = true));
  while (read === before) await rig.get('/healthz');
  return { answer, answered: () => done };
}

describe('wait_for all', () => {
  it('answers when all have ended, not before', async () => {
    const ids = await submit(3);
    const claimed = await rig.claim();
    const { answer, answered } = await ask({ task_ids: ids, wait_for: 'all' });
    await end(claimed.slice(0, 2));
    for (let i = 0; i < 5; i++) await rig.get('/v1/stats');
    expect(answered()).toBe(false);
    await end(claimed.slice(2));
    const { body } = await answer;
    expect(body.results.map(({ task_id }) => task_id).sort()).toEqual([...ids].sort());
    expect(body.pending).toEqual([]);
  });

  it('answers what there is when the time is up', async () => {
    const ids = await submit(2);
    const [first] = await rig.claim();
    const { answer } = await ask({ task_ids: ids, wait_for: 'all', wait_ms: 300 });
    await end([first!]);
    const { results, pending } = (await answer).body;
    expect(results.map(({ task_id }) => task_id)).toEqual([first!.fence.id]);
    expect(pending).toEqual(ids.filter((id) => id !== first!.fence.id));
  });

  it('takes an end that was announced without its result for no silence', async () => {
    const ids = await submit(2);
    const [first] = await rig.claim();
    const { answer } = await ask({ task_ids: ids, wait_for: 'all', wait_ms: 300 });
    await end([first!], { state: 'COMPLETED', result: { json: Buffer.from(JSON.stringify('x'.repeat(2000))) } });
    expect((await answer).body.results).toHaveLength(1);
    expect(JSON.stringify((await rig.get('/readyz')).body)).not.toContain('announced');
  });

  it('answers when the answer is full, though not all have ended', async () => {
    const ids = await submit(3);
    const claimed = await rig.claim();
    const heavy = Buffer.from(JSON.stringify('x'.repeat(17 * 1024 * 1024)));
    await end(claimed.slice(0, 2), { state: 'COMPLETED', result: { json: heavy } });
    const { results, pending } = (await rig.post('/v1/results', { task_ids: ids, wait_for: 'all', wait_ms: 60_000 }))
      .body;
    expect([results.length, pending.length]).toEqual([2, 1]);
  });

  it('reads a thousand tasks once, however many hints their ends take', async () => {
    const ids = await submit(1000);
    const claimed = await rig.claim();
    const { answer } = await ask({ task_ids: ids, wait_for: 'all' });
    for (let at = 0; at < 1000; at += 20) await end(claimed.slice(at, at + 20));
    expect((await answer).body.results.length).toBe(1000);
    expect(read).toBe(1000);
  });

  it('reads an end that is too large to be announced once more', async () => {
    const ids = await submit(600);
    const claimed = await rig.claim();
    const { answer } = await ask({ task_ids: ids, wait_for: 'all' });
    const large: End = { state: 'COMPLETED', result: { json: Buffer.from(JSON.stringify('x'.repeat(2000))) } };
    for (let at = 0; at < 600; at += 20) await end(claimed.slice(at, at + 20), large);
    expect((await answer).body.results.length).toBe(600);
    expect(read).toBe(1200);
  });

  it('reads all that is open after a reconnect (W3)', async () => {
    const ids = await submit(2);
    const claimed = await rig.claim();
    const { answer, answered } = await ask({ task_ids: ids, wait_for: 'all' });
    deaf = true;
    await end(claimed);
    await rig.get('/v1/stats');
    expect(answered()).toBe(false);
    say({ is: 'reconnected' });
    expect((await answer).body.results.length).toBe(2);
  });
});

describe('wait_for any', () => {
  it('tells together what ends in one turn, without reading it again', async () => {
    const ids = await submit(3);
    const { answer } = await ask({ task_ids: ids });
    const after = read;
    say({ is: 'ends', ends: [announced(ids[0]!)] });
    // Whatever follows from the first hint alone, short of another turn of the event loop.
    for (let i = 0; i < 100; i++) await Promise.resolve();
    say({ is: 'ends', ends: [announced(ids[1]!)] });
    const { results, pending } = (await answer).body;
    expect(results.map(({ task_id }) => task_id)).toEqual(ids.slice(0, 2));
    expect(pending).toEqual(ids.slice(2));
    expect(read).toBe(after);
  });

  it('an announcement does not make a task of the caller’s out of one that it does not have (W4)', async () => {
    const [own] = await submit(1);
    const foreign = newId(Date.now(), 0);
    const { answer } = await ask({ task_ids: [foreign, own] });
    say({ is: 'ends', ends: [announced(foreign)] });
    await rig.get('/v1/stats');
    await rig.finish();
    expect((await answer).body).toMatchObject({ results: [{ task_id: own }], unknown: [foreign] });
  });
});

describe('a call', () => {
  it('reads nothing: its end is announced to who submitted it', async () => {
    const queued = Promise.withResolvers<undefined>();
    await rig.store.subscribe(({ is }) => is === 'work' && queued.resolve(undefined));
    const answer = rig.post('/v1/call/double', {});
    await queued.promise;
    await rig.finish();
    expect((await answer).body).toBe(42);
    expect(read).toBe(0);
  });
});

function announced(id: string): TaskEnd {
  const told = { id, state: 'COMPLETED' as const, kind: '' as const, endedAt: 1 };
  const end = {
    ...told,
    error: null,
    result: { json: Buffer.from('42') },
    resultAs: 'json',
    runtime: 'python',
    hasHistory: false,
  } as const;
  return { ...told, group: '', functionId: '', end };
}
