// What clients and the last look at every end tell of a service that answers what it must not: each answer is found.
import { expect, it } from 'vitest';
import { readAgain } from './books.ts';
import { makeCall } from './calls.ts';
import { Client } from './client.ts';
import { Ledger, type Entry } from './ledger.ts';
import { dice } from './random.ts';
import { standIn } from './stand-in.ts';

/** A service that gives every request this answer. */
const answers = (status: number, body: unknown): Promise<string> =>
  standIn((request, response) => {
    request.resume();
    response.writeHead(status).end(JSON.stringify(body));
  });

function opened(ledger: Ledger, via: Entry['via'] = 'v1'): Entry {
  return ledger.open({ call: 'quick', via, key: undefined, atMostOnce: false, retries: 0 });
}

async function submitted(status: number, body: unknown): Promise<{ entry: Entry; found: string[] }> {
  const ledger = new Ledger();
  const entry = opened(ledger);
  await new Client([await answers(status, body)], ledger, 0).submit('/v1/tasks', {}, [entry]);
  return { entry, found: ledger.seen.map(({ invariant }) => invariant) };
}

it('a submission that is refused for itself, or accepted without an id, is found', async () => {
  expect(await submitted(201, { task_id: 'task-1' })).toMatchObject({ entry: { acks: [{ id: 'task-1' }] }, found: [] });
  expect(await submitted(201, {})).toMatchObject({ entry: { acks: [] }, found: ['answers'] });
  expect(await submitted(400, { code: 'bad' })).toMatchObject({ entry: { refusals: ['400 bad'] }, found: ['answers'] });
  expect(await submitted(429, { code: 'full' })).toMatchObject({ entry: { refusals: ['429 full'] }, found: [] });
  expect(await submitted(503, { code: 'away' })).toMatchObject({ entry: { doubts: ['503 away'] }, found: [] });
});

it('I1: an acknowledged task that is unknown to the service is found by its client', async () => {
  const ledger = new Ledger();
  const [modern, classic] = [opened(ledger), opened(ledger, 'classic')];
  ledger.acknowledge(modern, 'task-1');
  ledger.acknowledge(classic, 'task-2');
  const call = makeCall('quick', modern.label, dice('books'));
  const unknown = await answers(200, { results: [], unknown: ['task-1'] });
  await new Client([unknown], ledger, 0).awaitEnds(new Map([[modern, call]]), () => Infinity);
  await new Client([await answers(404, {})], ledger, 0).awaitClassic(classic, 'classic 2', () => Infinity);
  expect(ledger.seen).toMatchObject([
    { invariant: 'I1', label: modern.label },
    { invariant: 'I1', label: classic.label },
  ]);
});

it.each<[string, Entry['via'], number, unknown]>([
  ['I1', 'v1', 200, { results: [], unknown: ['task-1'] }],
  ['I2', 'v1', 200, { results: [], unknown: [] }],
  ['I1', 'classic', 410, {}],
])(
  '%s: an end that was read and is not there when it is read again is found (%s)',
  async (invariant, via, status, body) => {
    const ledger = new Ledger();
    const entry = opened(ledger, via);
    ledger.acknowledge(entry, 'task-1');
    entry.reads.push({ at: 0, status: 'COMPLETED', kind: '', digest: 'd', wrong: '' });
    await readAgain(await answers(status, body), ledger);
    expect(ledger.seen).toMatchObject([{ invariant, label: entry.label }]);
  },
);
