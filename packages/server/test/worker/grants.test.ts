// How room is shared: the sum never exceeds it, even while withdrawn credits may still be spent.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareRoom } from '../../src/worker/grants.ts';

const nothing = { credits: 0, free: 0 };

describe('shares of a room', () => {
  it('are all of it for a single dispatcher', () => {
    expect(shareRoom({ credits: 7, free: 2 }, [{ recent: 0, granted: nothing }])).toEqual([{ credits: 7, free: 2 }]);
  });

  it('are even among strangers, and follow the work', () => {
    const even = shareRoom({ credits: 8, free: 8 }, [
      { recent: 0, granted: nothing },
      { recent: 0, granted: nothing },
    ]);
    expect(even.map(({ credits }) => credits)).toEqual([4, 4]);
    const busy = shareRoom({ credits: 8, free: 8 }, [
      { recent: 30, granted: nothing },
      { recent: 0, granted: nothing },
    ]);
    expect(busy[0]!.credits).toBeGreaterThan(busy[1]!.credits);
    expect(busy[1]!.credits).toBeGreaterThan(0);
  });

  it('never add up to more than the room together with what others may still spend', () => {
    const claimant = fc.record({
      recent: fc.nat(50),
      granted: fc.record({ credits: fc.nat(10), free: fc.nat(10) }),
    });
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.nat(20),
        fc.array(claimant, { minLength: 2, maxLength: 5 }),
        (credits, free, claimants) => {
          const shares = shareRoom({ credits, free }, claimants);
          shares.forEach((share, at) => {
            if (share.credits <= claimants[at]!.granted.credits) return;
            const others = claimants.reduce((sum, one, other) => (other === at ? sum : sum + one.granted.credits), 0);
            expect(share.credits + others).toBeLessThanOrEqual(credits);
          });
          const sum = shares.reduce((total, share) => total + share.credits, 0);
          expect(sum).toBeLessThanOrEqual(credits);
        },
      ),
      { seed: 4 },
    );
  });
});
