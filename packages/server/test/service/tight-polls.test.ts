// Polls that come as tightly as they can.
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { HOLD_MS, TIGHT_MS, TightPolls } from '../../src/tasks/tight-polls.ts';
import { addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig | undefined;
afterEach(() => rig?.stop());

describe('which polls are held', () => {
  it('those of an open task that come right after its last one', () => {
    let now = 1000;
    const polls = new TightPolls({ ...systemClock, mono: () => now });
    expect(polls.holdMs('a')).toBe(0);
    polls.saysOpen('a');
    now += TIGHT_MS;
    expect([polls.holdMs('a'), polls.holdMs('b')]).toEqual([HOLD_MS, 0]);
    now += 1;
    expect(polls.holdMs('a')).toBe(0);
  });
});

// The clock that stands still makes every second poll a tight one, however slow the machine is.
it.each(['/result/', '/api/v1/result/', '/status/'])('%s: the second one is answered at the end', async (path) => {
  rig = await startRig({ clock: { ...systemClock, mono: () => 0 } });
  const fn = await addFunction(rig);
  const { body } = await rig.post('/v1/tasks', { function: fn, args: [1] });
  const id = body.task_id;
  expect((await rig.get(path + id)).body).toMatchObject({ status: 'QUEUED' });
  let held = true;
  const second = rig.get(path + id).finally(() => (held = false));
  expect((await rig.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'QUEUED' });
  expect(held).toBe(true);
  expect(await rig.finish()).toBe(1);
  expect((await second).body).toMatchObject({ task_id: id, status: 'COMPLETED' });
});

it('the first one right after a classic call is held as well', async () => {
  rig = await startRig({ clock: { ...systemClock, mono: () => 0 } });
  const fn = await addFunction(rig);
  const payload = Buffer.from([0x80, 2, 0x28, 0x29, 0x7d, 0x86, 0x2e]).toString('base64');
  const { body } = await rig.post('/execute_function', { function_id: fn, payload });
  let held = true;
  const first = rig.get(`/result/${body.task_id}`).finally(() => (held = false));
  expect((await rig.get(`/v1/tasks/${body.task_id}`)).body).toMatchObject({ status: 'QUEUED' });
  expect(held).toBe(true);
  expect(await rig.finish()).toBe(1);
  expect((await first).body).toMatchObject({ status: 'COMPLETED' });
});

it('a held poll ends with the service', async () => {
  rig = await startRig({ clock: { ...systemClock, mono: () => 0 } });
  const fn = await addFunction(rig);
  const { body } = await rig.post('/v1/tasks', { function: fn, args: [1] });
  await rig.get(`/result/${body.task_id}`);
  const second = rig.get(`/result/${body.task_id}`);
  await rig.get('/healthz');
  await rig.service.close();
  expect((await second).body).toMatchObject({ status: 'QUEUED' });
});
