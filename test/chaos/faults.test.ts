// The deck of faults: which of a variant's faults could have struck, and did not.
import { expect, it } from 'vitest';
import { neverStruck } from './faults/index.ts';
import type { Part, Role } from './part.ts';
import type { Stage } from './stage.ts';
import type { Wire } from './wire.ts';

/** As far as the faults look at it before they strike. */
function embedded(): Stage {
  const roles: readonly Role[] = ['up', 'worker'];
  const stage: Partial<Stage> = {
    ...{ variant: { store: 'embedded', mode: 'pull' }, redis: undefined, sentinels: undefined },
    of: (role) => (roles.includes(role) ? [{ name: `${role}-1`, role } as Part] : []),
    storeWires: new Map(),
    workerWires: new Map([['worker-1 up', {} as Wire]]),
  };
  return stage as Stage;
}

it('names the faults of the variant that were neither injected nor skipped', () => {
  const faults = { 'F1 kill runner': 3, 'F1 kill worker': 1, 'F1 kill up': 1, 'F2 stop up': 1, 'F11 end up': 1 };
  const skipped = { 'F9 disk full': 'no tmpfs', 'F5 network down': 'no namespace' };
  expect(neverStruck(embedded(), faults, skipped)).toEqual([
    ...['F1 kill template', 'F2 stop worker', 'F5 worker cut off', 'F5 network delays and loses (netem)'],
    ...['F9 descriptors used up', 'F11 end worker'],
  ]);
});
