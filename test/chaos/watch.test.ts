// Those who look on while a run goes, judged: an illegal move and a second end in the stream are found, and nothing else is.
import { expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { dice } from './random.ts';
import { standIn } from './stand-in.ts';
import { illegal, watch } from './watch.ts';

type Look = Parameters<typeof illegal>[0];

const RUNNING: Look = { status: 'RUNNING', attempt: 2, losses: 1 };
const ended = (task: string, at: number, status = 'COMPLETED'): string =>
  `id: ${at}\nevent: task.ended\ndata: ${JSON.stringify({ task_id: task, status })}\n\n`;

it.each<[string, Look, Look]>([
  ['from COMPLETED to RUNNING', { ...RUNNING, status: 'COMPLETED' }, RUNNING],
  ['from FAILED to COMPLETED', { ...RUNNING, status: 'FAILED' }, { ...RUNNING, status: 'COMPLETED' }],
  ['attempt 1 after 2', RUNNING, { ...RUNNING, attempt: 1 }],
  ['0 losses after 1', RUNNING, { ...RUNNING, losses: 0 }],
  ['', RUNNING, RUNNING],
  ['', RUNNING, { status: 'QUEUED', attempt: 2, losses: 2 }],
  ['', { status: 'QUEUED', attempt: 0, losses: 0 }, { status: 'CANCELED', attempt: 0, losses: 0 }],
])('I5: a record that moves %j', (what, before, after) => {
  expect(illegal(before, after)).toBe(what);
});

/** Looks on at a service that answers each look at a record with the next of these, and the stream with this. */
async function found(looks: readonly Look[], stream: string): Promise<string[]> {
  let looked = 0;
  let followed = 0;
  let over = (): void => undefined;
  const seen = new Promise<void>((resolve) => (over = resolve));
  const url = await standIn((request, response) => {
    response.writeHead(200);
    if (request.url === '/v1/events') {
      followed += 1;
      if (followed === 1) response.end(stream);
      else response.flushHeaders();
    } else {
      response.end(JSON.stringify(looks[Math.min(looked, looks.length - 1)]));
      looked += 1;
    }
    // Whoever asks for more has judged what came before.
    if (looked > looks.length && followed > 1) over();
  });
  const ledger = new Ledger();
  const entry = ledger.open({ call: 'quick', via: 'v1', key: undefined, atMostOnce: false, retries: 0 });
  ledger.acknowledge(entry, 'task-1');
  const watching = watch([url], ledger, dice('watch'));
  await seen;
  await watching.stop();
  return ledger.seen.map(({ invariant, what, label }) => `${invariant}: ${what} (${label ?? '-'})`);
}

it('I5: a record that goes back while it is looked at is found, with its task', async () => {
  expect(await found([{ ...RUNNING, status: 'COMPLETED' }, RUNNING], '')).toEqual([
    'I5: task task-1: from COMPLETED to RUNNING (1)',
  ]);
  expect(await found([{ status: 'QUEUED', attempt: 0, losses: 0 }, RUNNING], '')).toEqual([]);
});

it('I2: a task that ends twice in the stream is found, and one that is only told again is not', async () => {
  const twice = await found([RUNNING, RUNNING], ended('task-1', 1) + ended('task-1', 2, 'FAILED'));
  expect(twice).toEqual(['I2: the stream told of task-1 COMPLETED at 1 and FAILED at 2 (1)']);
  expect(await found([RUNNING, RUNNING], ended('task-1', 1) + ended('task-1', 1) + ended('task-2', 2))).toEqual([]);
});
