// Waiting: W1 subscribe, read, sleep; W2 hints only wake; W3 everyone reads again after a reconnect. And what many ask in
// one turn is asked of the store once.
import { describe, expect, it } from 'vitest';
import type { Hint, Store } from '../../src/store/index.ts';
import { DONE, addFunction, startRig } from '../service/harness.ts';
import type { Rig } from '../service/harness.ts';

async function withRig(around: (store: Store) => Store, run: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = await startRig({ around });
  try {
    await addFunction(rig);
    await run(rig);
  } finally {
    await rig.stop();
  }
}

const submit = async (rig: Rig): Promise<string> => (await rig.post('/v1/tasks', { function: 'double' })).body.task_id;

const LESS_THAN_A_REREAD_MS = 9000;

describe('a waiter', () => {
  it('is woken by an end that came between its read and its sleep (W1)', async () => {
    let between: (() => Promise<unknown>) | undefined;
    const around = (store: Store): Store => ({
      ...store,
      // The last thing read before the sleep.
      progress: async (...args) => {
        const stale = await store.progress(...args);
        const act = between;
        between = undefined;
        await act?.();
        return stale;
      },
    });
    await withRig(around, async (rig) => {
      const id = await submit(rig);
      const [claimed] = await rig.claim();
      between = () =>
        rig.store.settle('default', [
          { fence: claimed!.fence, worker: '', startedAt: 1, logs: null, is: 'end', ...DONE } as const,
        ]);
      const from = performance.now();
      const { body } = await rig.get(`/v1/tasks/${id}/result?wait_ms=30000`);
      expect(body.value).toBe(42);
      expect(performance.now() - from).toBeLessThan(LESS_THAN_A_REREAD_MS);
    });
  });

  it('is not answered by a hint that is not true (W2)', async () => {
    let hint: (hint: Hint) => void = () => undefined;
    const around = (store: Store): Store => ({
      ...store,
      subscribe: (onHint) => {
        hint = onHint;
        return store.subscribe(onHint);
      },
    });
    await withRig(around, async (rig) => {
      const id = await submit(rig);
      const waiting = rig.get(`/v1/tasks/${id}/result?wait_ms=500`);
      await rig.get('/v1/stats');
      const end = { id, state: 'COMPLETED' as const, kind: '' as const, group: '', functionId: '', endedAt: 1 };
      hint({ is: 'ends', ends: [end] });
      expect(await waiting).toMatchObject({ status: 202, body: { status: 'QUEUED' } });
    });
  });

  it('that missed the hint reads again after a reconnect (W3)', async () => {
    let deaf = true;
    let hint: (hint: Hint) => void = () => undefined;
    const around = (store: Store): Store => ({
      ...store,
      subscribe: (onHint) => {
        hint = onHint;
        return store.subscribe((one) => (deaf ? undefined : onHint(one)));
      },
    });
    await withRig(around, async (rig) => {
      const id = await submit(rig);
      const from = performance.now();
      let answered = false;
      const waiting = rig.get(`/v1/tasks/${id}/result?wait_ms=30000`).finally(() => (answered = true));
      await rig.get('/v1/stats');
      await rig.finish();
      await rig.get('/v1/stats');
      expect(answered).toBe(false);
      deaf = false;
      hint({ is: 'reconnected' });
      expect((await waiting).body.value).toBe(42);
      expect(performance.now() - from).toBeLessThan(LESS_THAN_A_REREAD_MS);
    });
  });

  it('is cheap: a thousand of them', async () => {
    await withRig(
      (store) => store,
      async (rig) => {
        const tasks = Array.from({ length: 1000 }, () => ({ function: 'double' }));
        const { task_ids } = (await rig.post('/v1/tasks/batch', { tasks })).body;
        const url = (id: string) => `/v1/tasks/${id}/result?wait_ms=60000`;
        const waiting = task_ids.map((id) =>
          rig.service.fastify.inject({ url: url(id), headers: { host: 'localhost' } }),
        );
        await rig.finish();
        const answers = await Promise.all(waiting);
        expect(answers.filter(({ statusCode }) => statusCode === 200).length).toBe(1000);
      },
    );
  });
});

describe('one turn of the event loop', () => {
  it('is one submit and one read, whoever asked', async () => {
    const calls = { submit: 0, progress: 0, states: 0 };
    const counting = (store: Store): Store => ({
      ...store,
      submit: (...args) => (calls.submit++, store.submit(...args)),
      progress: (...args) => (calls.progress++, store.progress(...args)),
      states: (...args) => (calls.states++, store.states(...args)),
    });
    await withRig(counting, async (rig) => {
      const inject = (method: 'GET' | 'POST', url: string, payload?: object) =>
        rig.service.fastify.inject({ method, url, headers: { host: 'localhost' }, ...(payload && { payload }) });
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => inject('POST', '/v1/tasks', { function: 'double' })),
      );
      const ids = answers.map((answer) => answer.json<{ task_id: string }>().task_id);
      expect(new Set(ids).size).toBe(200);
      expect(calls.submit).toBeLessThanOrEqual(5);
      // Not the classic /result: what is asked for just after its submit is held there, and read again turn by turn.
      await Promise.all(ids.map((id) => inject('GET', `/v1/tasks/${id}/result`)));
      await Promise.all(ids.map((id) => inject('GET', `/status/${id}`)));
      expect(calls.progress).toBeLessThanOrEqual(5);
      expect(calls.states).toBeLessThanOrEqual(10);
    });
  });
});
