// One suite on every form of the system: real programs, a classic client with dill, JSON, and across the encodings.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endsOf, get, post, registerSource } from './harness/http.ts';
import { join } from 'node:path';
import { root, run } from './harness/program.ts';
import { startSystem, type Form, type System } from './harness/system.ts';

const MODULES = join(root, 'test/fixtures/modules');
const FORMS: Form[] = ['embedded local', 'embedded push', 'redis local', 'redis pull', 'redis push'];

describe.each(FORMS)('%s', (form) => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem({ form, workers: 2, slots: 2, pythonPath: MODULES });
  });
  afterAll(async () => {
    await system.stop();
  });

  it.each([
    ['of a classic client', 200, ['classic']],
    ['in JSON and across the encodings', 100, ['json', 'json-pickle', 'pickle-json']],
  ])('runs 500 mixed functions, those %s, each with its exact end', { timeout: 240_000 }, async (_, count, ways) => {
    const program = join(root, 'test/fixtures/mixed_client.py');
    const client = run('/usr/bin/python3', [program, system.url, String(count), MODULES, ...ways]);
    const code = await client.ended;
    expect(code, client.output()).toBe(0);
    const { checked, faults } = JSON.parse(client.output().trim().split('\n').at(-1)!) as {
      checked: number;
      faults: string[];
    };
    expect(faults).toEqual([]);
    expect(checked).toBe(count * ways.length);
  });

  it('runs batches in JSON and answers each value', async () => {
    await registerSource(system.url, 'add', 'def add(a, b=10):\n    return {"sum": a + b}\n');
    const tasks = Array.from({ length: 200 }, (_, n) => ({ function: 'add', args: [n] }));
    const { status, body } = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks });
    expect(status).toBe(201);
    const ends = await endsOf(system.url, body.task_ids);
    expect(body.task_ids.map((id) => ends.get(id)?.value)).toEqual(tasks.map((_, n) => ({ sum: n + 10 })));
  });

  it('takes JSON for a function that came as a pickle, and answers both forms', async () => {
    // cloudpickle and dill agree on builtins by reference: `len`.
    const { body } = await post<{ function_id: string }>(`${system.url}/register_function`, {
      name: 'len',
      payload: 'gASVFAAAAAAAAACMCGJ1aWx0aW5zlIwDbGVulJOULg==\n',
    });
    const call = await post<number>(`${system.url}/v1/call/${body.function_id}`, { args: [[1, 2, 3]] });
    expect([call.status, call.body]).toEqual([200, 3]);
    const both = await post<{ task_id: string }>(`${system.url}/v1/tasks`, {
      function: body.function_id,
      args: ['four'],
      options: { result_as: 'both' },
    });
    const result = await get<{ value: number; pickle: string }>(
      `${system.url}/v1/tasks/${both.body.task_id}/result?wait_ms=30000`,
    );
    expect(result.body.value).toBe(4);
    expect(Buffer.from(result.body.pickle, 'base64').at(-1)).toBe('.'.charCodeAt(0));
  });

  it.each([
    ['a default export', 'export default (x) => x * 3;', [14], 42],
    ['the only export, awaited', 'export async function later(x) { await null; return { x }; }', [1], { x: 1 }],
    ['TypeScript', 'interface P { n: number }\nexport default (p: P): number => p.n + 1;', [{ n: 1 }], 2],
    [
      'a node: module',
      "import { createHash } from 'node:crypto';\nexport default (t) => createHash('sha256').update(t).digest('hex').slice(0, 8);",
      ['a'],
      'ca978112',
    ],
  ])('runs JavaScript from source: %s', async (name, source, args, expected) => {
    const id = await registerSource(system.url, name.replaceAll(/[^a-zA-Z0-9]/g, '-'), source, 'javascript');
    const { status, body } = await post(`${system.url}/v1/call/${id}`, { args });
    expect([status, body]).toEqual([200, expected]);
  });

  it('tells which workers there are', async () => {
    const { body } = await get<{ items: { slots: number; mode: string }[] }>(`${system.url}/v1/workers`);
    expect(body.items.reduce((sum, { slots }) => sum + slots, 0)).toBe(4);
    expect(new Set(body.items.map(({ mode }) => mode))).toEqual(new Set([form.split(' ')[1]]));
  });

  it('keeps what each call printed with that call', async () => {
    const id = await registerSource(system.url, 'say', 'def say(n):\n    print("line", n)\n    return n\n');
    const tasks = Array.from({ length: 40 }, (_, n) => ({ function: id, args: [n] }));
    const { body } = await post<{ task_ids: string[] }>(`${system.url}/v1/tasks/batch`, { tasks });
    await endsOf(system.url, body.task_ids);
    const logs = await Promise.all(
      body.task_ids.map((task) => get<{ stdout: { text: string } }>(`${system.url}/v1/tasks/${task}/logs`)),
    );
    expect(logs.map((log) => log.body.stdout.text)).toEqual(tasks.map((_, n) => `line ${n}\n`));
  });
});
