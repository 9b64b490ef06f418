// When leases are let be: after a reconnect, a standstill and a jump, and not because an answer was late.
import { describe, expect, it } from 'vitest';
import { LeaseRest } from '../../src/store/lease-rest.ts';

const LEASE_MS = 4000;

/** Connected at 0, its first lease time over, and its time known: 1,000,000 ahead of ours, within 2 ms. */
function settled(): LeaseRest {
  const rest = new LeaseRest(LEASE_MS);
  rest.reconnected(0);
  expect(rest.why(1_000_001, 0, 2)).not.toBe('');
  expect(rest.why(1_005_000, 4999, 5001)).toBe('');
  return rest;
}

describe('leases are let be', () => {
  it('for a lease time after a reconnect, whatever the new server’s clock says', () => {
    const rest = settled();
    rest.reconnected(6000);
    expect(rest.why(49_900, 6000, 6002)).not.toBe('');
    expect(rest.why(53_897, 9998, 9999)).not.toBe('');
    expect(rest.why(53_901, 10_000, 10_003)).toBe('');
  });

  it('for a lease time after the first answer: the clock may have jumped before we asked, who stood still meanwhile', () => {
    const rest = settled();
    rest.reconnected(6000);
    expect(rest.why(53_901, 10_000, 10_003)).not.toBe('');
    expect(rest.why(57_899, 14_000, 14_002)).not.toBe('');
    expect(rest.why(57_903, 14_002, 14_004)).toBe('');
  });

  it.each([3000, -3000, 3_600_000])('for a lease time after a jump of %i ms', (jump) => {
    const rest = settled();
    expect(rest.why(1_006_000 + jump, 5999, 6001)).not.toBe('');
    expect(rest.why(1_010_000 + jump, 9999, 10_000)).not.toBe('');
    expect(rest.why(1_010_002 + jump, 10_001, 10_003)).toBe('');
  });

  it('after a standstill of half of it, for renewals stood in the queue as long', () => {
    const rest = settled();
    expect(rest.why(1_008_000, 6000, 8001)).not.toBe('');
    expect(rest.why(1_011_500, 11_499, 11_501)).not.toBe('');
    expect(rest.why(1_012_002, 12_001, 12_003)).toBe('');
  });

  it('where the sweeps before were refused for half of it, and from when they are taken again', () => {
    const rest = settled();
    rest.swept(5002);
    rest.swept(6900);
    expect(rest.why(1_007_000, 6999, 7001)).toBe('');
    expect(rest.why(1_008_901, 8900, 8901)).not.toBe('');
    // That one was refused as well, and repeated until it was done.
    for (const at of [10_000, 11_000, 12_000, 13_000]) rest.swept(at);
    expect(rest.why(1_013_998, 13_997, 13_999)).not.toBe('');
    rest.swept(13_999);
    expect(rest.why(1_014_001, 14_000, 14_001)).toBe('');
  });

  it('not for an answer that came late, on either way, nor for the prompt one after it', () => {
    const rest = settled();
    expect(rest.why(1_006_001, 6000, 7900)).toBe('');
    expect(rest.why(1_009_899, 8000, 9900)).toBe('');
    expect(rest.why(1_010_000, 9999, 10_001)).toBe('');
  });

  it('for a jump that a late answer hid, at the prompt one after it', () => {
    const rest = settled();
    expect(rest.why(1_007_800, 6000, 7900)).toBe('');
    expect(rest.why(1_009_500, 7999, 8001)).not.toBe('');
  });

  it('not for a clock that drifts', () => {
    const rest = settled();
    for (let s = 6; s < 6000; s += 1) expect(rest.why(1_000_000 + s * 1001, s * 1000 - 1, s * 1000 + 1)).toBe('');
  });
});
