// What a worker may be sent, by its grants and by what was sent since.
import { expect, it } from 'vitest';
import { Member } from '../../src/dispatcher/fleet/member.ts';

const said = { host: 'h', pid: 1, version: '1', slots: 1, runtimes: [], labels: [], held: [] };
const member = (): Member => new Member('w', 'i', 's', { k: 'register', mode: 'pull', ...said }, 0, 0);
const grant = (got: number) => ({ k: 'credits' as const, credits: 1, free: 1, got, part_bytes: 0, ask: false });

it('a grant that crosses a delivery is not spent twice', () => {
  const one = member();
  one.grant(grant(0), 1, 0);
  one.deliver(1, 10);
  one.grant(grant(0), 2, 1_000);
  expect(one.credits).toBe(0);
  one.grant(grant(1), 3, 1_100);
  expect(one.credits).toBe(1);
});

it('a delivery that never arrives takes its credit for two seconds, though nobody asks for its task any more', () => {
  const one = member();
  one.grant(grant(0), 4, 0);
  // Its task is canceled meanwhile, so that no heartbeat finds it missing.
  one.deliver(1, 10);
  one.grant(grant(0), 5, 2_010);
  expect([one.credits, one.free]).toEqual([0, 0]);
  one.grant(grant(0), 6, 3_000);
  expect([one.credits, one.free]).toEqual([1, 1]);
});

it('a grant that was overtaken by a later one counts for nothing', () => {
  const one = member();
  one.grant(grant(0), 1, 0);
  one.deliver(1, 10);
  // The asking lane acknowledges the delivery; the reporting lane's older word comes behind it.
  one.grant({ ...grant(1), credits: 0, free: 0 }, 3, 20);
  one.grant(grant(0), 2, 21);
  expect(one.credits).toBe(0);
});
