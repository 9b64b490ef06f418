// The lines of the log: every one of a request names it, and the task it is about; a key never reaches one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/store/index.ts';
import { startRig } from './harness.ts';
import type { Rig } from './harness.ts';

const KEY = 'mpk_0123456789abcdef0123456789abcdef';
const authorization = `Bearer ${KEY}`;

let rig: Rig;
let id: string;
let fault: Error | undefined;
const lines: string[] = [];

beforeAll(async () => {
  rig = await startRig({
    config: { requireKeys: true },
    firstKey: KEY,
    logLevel: 'debug',
    logTo: { write: (line) => void lines.push(line) },
    around: (store) => ({
      ...store,
      progress: async (...args) => {
        if (fault !== undefined) throw fault;
        return store.progress(...args);
      },
    }),
  });
  const source = { name: 'f', runtime: 'python', source: 'def f():\n    pass\n' };
  await rig.post('/v1/functions', source, { authorization });
  id = (await rig.post('/v1/tasks', { function: 'f' }, { authorization })).body.task_id;
});
afterAll(() => rig.stop());

/** The lines that a request wrote; it is answered before its last one. */
async function linesOf(method: string, path: string, body?: object): Promise<Record<string, unknown>[]> {
  const name = `request-${lines.length}`;
  await rig.send(method, path, body, { authorization, 'x-request-id': name });
  for (;;) {
    const own = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const written = own.filter(({ request_id }) => request_id === name);
    if (written.some(({ msg }) => msg === 'answered')) return written;
    await rig.get('/healthz');
  }
}

describe('a debug line', () => {
  it.each([
    ['GET', () => `/v1/tasks/${id.toUpperCase()}`, undefined, 'getTask', 200],
    ['GET', () => `/status/${id}`, undefined, 'classicStatus', 200],
    ['POST', () => `/v1/tasks/${id}/retry`, {}, 'retryTask', 409],
  ] as const)('%s of one task has its id (%#)', async (method, path, body, operation, status) => {
    const [line] = await linesOf(method, path(), body);
    expect(line).toMatchObject({ component: 'service', task_id: id, operation, status });
  });

  it('of a submit has the id of the new task; of many, none', async () => {
    const [line] = await linesOf('POST', '/v1/tasks', { function: 'f' });
    expect(line?.['task_id']).toMatch(/^[0-9a-f-]{36}$/);
    const [call] = await linesOf('POST', '/v1/call/f?wait_ms=1', {});
    expect(call?.['task_id']).toMatch(/^[0-9a-f-]{36}$/);
    const [batch] = await linesOf('POST', '/v1/tasks/batch', { tasks: [{ function: 'f' }, { function: 'f' }] });
    expect(batch).toMatchObject({ operation: 'submitBatch' });
    expect(batch).not.toHaveProperty('task_id');
  });
});

describe('a line about a fault', () => {
  it.each([
    ['warn', 40, new StoreUnavailable('connection lost.'), { reason: 'connection lost.' }],
    ['error', 50, new TypeError('a bug'), { err: { message: 'a bug' } }],
  ] as const)('(%s) has the ids of the request and the task', async (name, level, thrown, told) => {
    fault = thrown;
    try {
      const [line] = await linesOf('GET', `/result/${id}`);
      expect(line).toMatchObject({ level, task_id: id, ...told });
      expect(JSON.stringify(line).includes('stack')).toBe(name === 'error');
    } finally {
      fault = undefined;
    }
  });
});

it('a key never reaches a line', async () => {
  await linesOf('POST', '/v1/keys', { name: 'x' });
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.join('')).not.toContain('mpk_');
});
