// The contract holds: its OpenAPI document is clean, and every documented example does what it says on a real service.
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { FRAMES, ROUTES, SAMPLE, openApiDocument } from '@mpcsfaas/contract';
import type { Example, RouteContract } from '@mpcsfaas/contract';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICKLE_42, addFunction, startRig } from '../service/harness.ts';
import type { Rig } from '../service/harness.ts';

describe('the OpenAPI document', () => {
  it('passes the recommended rules', async () => {
    const config = await createConfig({
      // All of them: none is off.
      extends: ['recommended'],
    });
    const problems = await lintFromString({
      source: JSON.stringify(openApiDocument('0.1.0')),
      absoluteRef: '/openapi.json',
      config,
    });
    expect(
      problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ''} ${message}`),
    ).toEqual([]);
  });

  it('has an id, a summary, a description and an example for every operation', () => {
    for (const [operation, route] of Object.entries<RouteContract>(ROUTES)) {
      expect([operation, route.summary.length > 5, route.description.length > 5]).toEqual([operation, true, true]);
      expect([operation, route.examples.length > 0]).toEqual([operation, true]);
    }
  });

  it('says which routes take frames', () => {
    const document = JSON.stringify(openApiDocument('0.1.0'));
    expect(document.split(FRAMES).length).toBeGreaterThan(5);
  });

  it('is served, with a page that needs no network', async () => {
    const rig = await startRig();
    try {
      expect(await rig.get('/openapi.json')).toMatchObject({ status: 200, body: openApiDocument('0.1.0') });
      const page = await rig.get('/docs/');
      const links = [...page.bytes.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
      expect(links.length).toBeGreaterThan(3);
      for (const link of links) {
        expect(link).not.toMatch(/^(https?:)?\/\//);
        expect((await rig.get(new URL(link, `${rig.url}/docs/`).pathname)).status).toBe(200);
      }
      const style = '/docs/static/swagger-ui.css';
      const { headers, bytes } = await rig.get(style);
      expect((await rig.send('HEAD', style)).headers.get('content-length')).toBe(String(bytes.length));
      expect((await rig.get(style, { 'if-none-match': headers.get('etag') ?? '' })).status).toBe(304);
    } finally {
      await rig.stop();
    }
  });
});

interface Case {
  name: string;
  route: RouteContract;
  example: Example;
}

const cases = Object.entries<RouteContract>(ROUTES).flatMap(([operation, route]) =>
  route.examples.map((example): Case => ({ name: `${operation}: ${example.name}`, route, example })),
);

describe('every example', () => {
  let rig: Rig;
  /** Documented ids → those of this test's tasks. */
  let real: Record<string, string>;

  beforeAll(async () => {
    rig = await startRig();
    real = await prepare(rig);
  });
  afterAll(() => rig.stop());

  const substitute = (value: unknown): unknown => {
    let text = JSON.stringify(value);
    for (const [sample, id] of Object.entries(real)) text = text.replaceAll(sample, id);
    return JSON.parse(text);
  };

  it.each(cases)('$name', async ({ route, example }) => {
    let path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
      encodeURIComponent(example.params![name]!),
    );
    if (example.query !== undefined) path += `?${new URLSearchParams(example.query).toString()}`;
    const url = substitute(path) as string;
    if (
      route.answers[example.status]?.media?.includes('text/event-stream') === true &&
      !('body' in route.answers[200]!)
    ) {
      const stream = await fetch(rig.url + url);
      expect(stream.status).toBe(example.status);
      await stream.body!.cancel();
      return;
    }
    const isCall = route.path.startsWith('/v1/call') && example.status === 200;
    const unanswer = isCall ? await answerNext(rig) : undefined;
    const answer = await rig.send(route.method, url, example.body && substitute(example.body), { ...example.headers });
    await unanswer?.();
    expect([answer.status, answer.bytes.toString()]).toEqual([example.status, expect.any(String)]);
    const schema = route.answers[example.status]?.body;
    if (schema !== undefined) {
      expect(errorsOf(schema, answer.body)).toEqual([]);
      if (example.answer !== undefined) expect(errorsOf(schema, example.answer)).toEqual([]);
    }
  });
});

function errorsOf(schema: TSchema, value: unknown): unknown[] {
  return Compile(schema).Errors(value);
}

/** The functions and tasks that the examples speak of. */
async function prepare(rig: Rig): Promise<Record<string, string>> {
  for (const name of ['answer', 'stuck', 'spare']) await addFunction(rig, name);
  const functionId = await addFunction(rig);
  const classic = await rig.post('/register_function', { name: 'length', payload: SAMPLE.lenPickle });
  const classicFunctionId = classic.body.function_id;
  const ended = await rig.post('/v1/tasks', { function: functionId, options: { result_as: 'both' } });
  await rig.finish();
  const classicTask = await rig.post('/execute_function', {
    function_id: classicFunctionId,
    payload: SAMPLE.helloArgs,
  });
  await rig.finish({ state: 'COMPLETED', result: { pickle: PICKLE_42 } });
  const waiting = await rig.post('/v1/tasks', { function: functionId });
  const canceled = await rig.post('/v1/tasks', { function: functionId });
  const canceledWithOthers = await rig.post('/v1/tasks', { function: functionId });
  const spare = await rig.post('/v1/keys', { name: 'nightly jobs' });
  await pretendWorker(rig);
  return {
    [SAMPLE.functionId]: functionId,
    [SAMPLE.classicFunctionId]: classicFunctionId,
    [SAMPLE.endedTask]: ended.body.task_id,
    [SAMPLE.cancelManyTask]: canceledWithOthers.body.task_id,
    [SAMPLE.classicTask]: classicTask.body.task_id,
    [SAMPLE.waitingTask]: waiting.body.task_id,
    [SAMPLE.cancelTask]: canceled.body.task_id,
    [SAMPLE.spareKey]: spare.body.key_id,
  };
}

/** A worker that could run Python, so that a call whose time is up is told to be waiting for it. */
async function pretendWorker(rig: Rig): Promise<void> {
  const now = Date.now();
  const place = { mode: 'local' as const, host: 'h', pid: 1, version: '0.1.0' };
  await rig.store.report(
    {
      ...place,
      ...{ id: 'd1', address: '', startedAt: now, seenAt: now, histograms: {} },
      workers: [
        {
          ...place,
          ...{ id: 'w1', dispatcher: 'd1', slots: 1, busy: 1, waiting: 0, credits: 0, labels: [], state: 'ready' },
          ...{ runtimes: [{ runtime: 'python', version: '3.11.2', broken: '' }], registeredAt: now, seenAt: now },
        },
      ],
    },
    600_000,
  );
}

/** Ends with 42 whatever is submitted next; the answer stops that. */
async function answerNext(rig: Rig): Promise<() => Promise<void>> {
  return rig.store.subscribe(({ is }) => {
    if (is === 'work') void endNewest(rig);
  });
}

async function endNewest(rig: Rig): Promise<void> {
  const claimed = await rig.claim();
  const mine = claimed.filter(({ spec }) => spec.function_name === 'answer');
  const others = claimed.filter(({ spec }) => spec.function_name !== 'answer');
  const base = { worker: 'w1', startedAt: Date.now(), logs: null, is: 'end' as const, state: 'COMPLETED' as const };
  await rig.store.release(
    'default',
    others.map(({ fence }) => ({ fence, reason: 'handed_back', worker: '', message: '' })),
  );
  await rig.store.settle(
    'default',
    mine.map(({ fence }) => ({ ...base, fence, result: { json: Buffer.from('42') } })),
  );
}
