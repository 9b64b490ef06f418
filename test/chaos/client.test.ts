// What a client of the load makes of an end: what is wrong with it, given what was asked for, and nothing excused but a cancel.
import { expect, it } from 'vitest';
import type { Ended } from '../harness/http.ts';
import { CALLS, makeCall, type CallName } from './calls.ts';
import { readClassic, readOf } from './client.ts';
import { dice } from './random.ts';

const DIED = 'the runner ended itself with exit code 3 while the function ran';

function failed(kind: string, message: string): Ended {
  return { task_id: 'task', status: 'FAILED', error: { kind, type: 'WorkerLost', message } };
}

function wrong(name: CallName, end: Ended): string {
  return readOf(end, makeCall(name, 7, dice('client'))).wrong;
}

it('keeps what is wrong with a loss', () => {
  expect(wrong('exits', failed('lost', DIED))).toBe('');
  expect(wrong('segfaults', failed('lost', 'the runner was ended by SIGSEGV'))).toBe('');
  expect(wrong('exits', failed('lost', 'worker w was lost while it ran the task'))).toMatch(/exit code 3.*was lost/);
  expect(wrong('segfaults', failed('lost', DIED))).toMatch(/SIGSEGV.*exit code 3/);
  expect(wrong('quick', failed('lost', DIED))).toMatch(/expected COMPLETED 14/);
});

it('excuses a cancel, and finds wrong what else is not as asked for, whatever was called', () => {
  for (const name of Object.keys(CALLS) as CallName[]) {
    expect(wrong(name, { ...failed('canceled', 'on request'), status: 'CANCELED' })).toBe('');
    expect(wrong(name, failed('load_failed', 'no such module'))).not.toBe('');
  }
  expect(wrong('quick', { task_id: 'task', status: 'COMPLETED', value: 14, error: null })).toBe('');
  expect(wrong('quick', { task_id: 'task', status: 'COMPLETED', value: 15, error: null })).not.toBe('');
});

it('reads a classic end, and keeps what is wrong with a loss, too', () => {
  const read = (status: string, text: string) =>
    readClassic({ status, result: Buffer.from(text).toString('base64') }, 'classic 7');
  expect(read('COMPLETED', 'classic 7')).toMatchObject({ kind: '', wrong: '' });
  expect(read('COMPLETED', 'classic 8').wrong).not.toBe('');
  const lost = read('FAILED', 'RuntimeError WorkerLost: the worker is gone');
  expect(lost.kind).toBe('lost');
  expect(lost.wrong).toMatch(/expected COMPLETED classic 7, read FAILED/);
});
