// Whoever stops: by whichever signal, and of a service that hangs; and whoever comes again to what was read.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Faas, type TaskHandle } from '../src/index.ts';
import { say, sayEnds, serve, stopServing, type Asked } from './fake.ts';

afterEach(stopServing);

/** Takes what is submitted; false where it was something else. */
function take({ path, body }: Asked, response: ServerResponse): boolean {
  if (!/\/v1\/tasks(\/batch)?$/.test(path)) return false;
  const { tasks } = JSON.parse(body) as { tasks?: object[] };
  const task_ids = tasks?.map(() => crypto.randomUUID());
  say(response, 201, task_ids === undefined ? { task_id: crypto.randomUUID() } : { task_ids });
  return true;
}

describe('the signal of a map and that of its function', () => {
  it.each<[string, 'map' | 'function', boolean]>([
    ['of the map', 'map', true],
    ['of the function', 'function', true],
    ['of the function, beside none of the map', 'function', false],
  ])('both hold: %s', async (_, which, both) => {
    const { url, asked } = await serve((one, response) => {
      if (take(one, response)) return;
      if (one.path === '/v1/tasks/cancel') return say(response, 200, { canceled: [] });
      sayEnds(response, one.body, false);
    });
    const stops = { map: new AbortController(), function: new AbortController() };
    const values = new Faas({ url })
      .function('f')
      .with({ signal: stops.function.signal })
      .map([1, 2, 3], { signal: both ? stops.map.signal : undefined })
      .toArray();
    const told = values.catch((error: unknown) => error);
    await expect.poll(() => asked.some(({ path }) => path === '/v1/results')).toBe(true);
    stops[which].abort(new Error('enough'));
    expect(await told).toMatchObject({ message: 'enough' });
    expect(asked.some(({ path }) => path === '/v1/tasks/cancel')).toBe(true);
  });
});

it('inputs that a map leaves at its signal are ended, though the window is full', async () => {
  const { url, asked } = await serve((one, response) => {
    if (take(one, response)) return;
    if (one.path === '/v1/tasks/cancel') return say(response, 200, { canceled: [] });
    sayEnds(response, one.body, false);
  });
  let ended = false;
  const inputs = function* (): Generator<number> {
    try {
      for (let n = 0; ; n++) yield n;
    } finally {
      ended = true;
    }
  };
  const stop = new AbortController();
  const values = new Faas({ url }).function('f').map(inputs(), { window: 2, signal: stop.signal }).toArray();
  const told = values.catch((error: unknown) => error);
  await expect.poll(() => asked.some(({ path }) => path === '/v1/results')).toBe(true);
  stop.abort(new Error('enough'));
  expect(await told).toMatchObject({ message: 'enough' });
  expect(ended).toBe(true);
});

it('a map is read once, in whatever way', async () => {
  const { url, asked } = await serve((one, response) => {
    if (!take(one, response)) sayEnds(response, one.body, true);
  });
  const values = new Faas({ url }).function('f').map([1, 2, 3]);
  expect(await values.toArray()).toHaveLength(3);
  const requests = asked.length;
  const sentence = 'A map is read once: keep its values, or map the inputs again.';
  for (const again of [() => values.toArray(), () => values[Symbol.asyncIterator]().next()])
    await expect(again()).rejects.toThrow(new TypeError(sentence));
  expect(() => values.settled()).toThrow(new TypeError(sentence));
  expect(asked).toHaveLength(requests);
});

/** Stops at the end of its stdin. */
const program = (work: string): string => `
  import { Faas } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
  const stop = new AbortController();
  const { signal } = stop;
  process.stdin.resume().once('end', () => stop.abort());
  const f = new Faas({ url: process.argv[1] }).function('f');
  await (${work}).then(() => process.exit(7), () => undefined);`;

it('a program whose service hangs can end some seconds after it stopped', async () => {
  // Says nothing, or hangs once it has the tasks.
  const { url, asked } = await serve((one, response) => {
    if (/^\/silent|^\/half.*batch$/.test(one.path)) return;
    if (one.path.includes('/v1/events'))
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
    else take(one, response);
  });
  const works: [name: string, work: string, until: RegExp][] = [
    ['silent-map', 'f.map([1, 2, 3], { signal }).toArray()', /tasks/],
    ['silent-call', 'f.with({ signal })(1)', /tasks/],
    ['silent-key', "f.with({ signal, key: 'a' })(1)", /tasks/],
    [
      'silent-calls',
      'Promise.all([f.with({ signal })(1), f.with({ signal: AbortSignal.any([signal]) })(2), f.with({ signal })(3)])',
      /batch/,
    ],
    ['half', 'f.map([1, 2, 3], { signal }).toArray()', /batch/],
    ['few', 'f.map([1, 2, 3], { signal }).toArray()', /results/],
    ['many', 'f.map(Array(100).fill(1), { signal }).toArray()', /wait_ms":0/],
    ['call', 'f.with({ signal })(1)', /results/],
    ['handle', 'f.with({ signal }).submit(1).then((one) => one.result({ signal }))', /results/],
  ];
  const ends = works.map(async ([name, work, until]) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(work), `${url}/${name}`], {
      stdio: ['pipe', 'inherit', 'inherit'],
      timeout: 40_000,
    });
    const ended = once(child, 'close');
    const isThere = ({ path, body }: Asked): boolean => path.startsWith(`/${name}/`) && until.test(path + body);
    await expect.poll(() => asked.some(isThere)).toBe(true);
    const from = performance.now();
    child.stdin.end();
    const [code] = (await ended) as unknown[];
    return [name, code, performance.now() - from < 15_000];
  });
  expect(await Promise.all(ends)).toEqual(works.map(([name]) => [name, 0, true]));
});

describe('a service that hangs is left by a signal at once, and not asked by one that has fired:', () => {
  type Ask = (faas: Faas, signal: AbortSignal) => Promise<unknown>;
  const task = (faas: Faas): TaskHandle => faas.task('7f0c0c1e-4d2a-4b39-9c35-0d7e5f1e6a11');

  it.each<[string, Ask]>([
    ['register', (faas, signal) => faas.register('f', { source: 'export default () => 1' }, { signal })],
    ['tasks', (faas, signal) => faas.tasks({ signal }).next()],
    ['functions', (faas, signal) => faas.functions({ signal }).next()],
    ['unregister', (faas, signal) => faas.unregister('f', { signal })],
    ['events', (faas, signal) => faas.events({ signal }).next()],
    ['workers', (faas, signal) => faas.workers({ signal })],
    ['stats', (faas, signal) => faas.stats({ signal })],
    ['version', (faas, signal) => faas.version({ signal })],
    ['status of a task', (faas, signal) => task(faas).status({ signal })],
    ['its record', (faas, signal) => task(faas).record({ signal })],
    ['its logs', (faas, signal) => task(faas).logs({ signal })],
    ['its logs, followed', (faas, signal) => task(faas).logs({ follow: true, signal }).next()],
    ['its events', (faas, signal) => task(faas).events({ signal }).next()],
    ['its cancel', (faas, signal) => task(faas).cancel({ signal })],
    ['its retry', (faas, signal) => task(faas).retry({ signal })],
  ])('%s', async (_, ask) => {
    const { url, asked } = await serve(() => undefined);
    const faas = new Faas({ url });
    const stop = new AbortController();
    const told = ask(faas, stop.signal).catch((error: unknown) => error);
    await expect.poll(() => asked.length).toBe(1);
    const from = performance.now();
    stop.abort(new Error('enough'));
    expect(await told).toMatchObject({ message: 'enough' });
    expect(performance.now() - from).toBeLessThan(1_500);
    await expect(ask(faas, stop.signal)).rejects.toThrow('enough');
    expect(asked).toHaveLength(1);
  });
});
