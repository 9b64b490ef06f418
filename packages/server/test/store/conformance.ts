// What every store does, in the words of docs/guarantees.md. Each rule is a test by name; every store runs all of them.
import { afterAll, beforeAll, describe } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { describeClaims } from './conformance-claims.ts';
import { describeEnds } from './conformance-ends.ts';
import { describeExpiry } from './conformance-expiry.ts';
import { describeFleet } from './conformance-fleet.ts';
import { describeFunctions } from './conformance-functions.ts';
import { describeRecords } from './conformance-records.ts';
import { describeSubmit } from './conformance-submit.ts';

/** What the suite needs of a store under test. */
export interface StoreUnderTest {
  store: Store;
  /** Closes it and removes what it left. */
  remove(): Promise<void>;
}

/** Leases under test are this short, so that their end can be waited for. */
export const TEST_LEASE_MS = 400;

/** What each part of the suite is given: the store, once it is open, and a tenant that nobody else uses. */
export interface Bench {
  store: () => Store;
  tenant: () => string;
}

export function describeStore(name: string, open: (options: { leaseMs: number }) => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let opened: StoreUnderTest;
    let tenants = 0;
    beforeAll(async () => {
      opened = await open({ leaseMs: TEST_LEASE_MS });
    });
    afterAll(() => opened.remove());
    const bench: Bench = { store: () => opened.store, tenant: () => `tenant-${++tenants}` };
    describeSubmit(bench);
    describeClaims(bench);
    describeEnds(bench);
    describeRecords(bench);
    describeFunctions(bench);
    describeFleet(bench);
    describeExpiry(bench);
  });
}
