// A signal in the midst of a system call is no fault.
import { expect, it } from 'vitest';
import { uninterrupted, uninterruptedly } from '../../src/protocol/uninterrupted.ts';

const interrupted = Object.assign(new Error('Interrupted system call'), { code: 'EINTR' });

/** Is interrupted twice, then answers 7; or fails with what is given. */
function act(fault?: Error): () => number {
  let left = 2;
  return () => {
    left -= 1;
    if (left >= 0) throw interrupted;
    if (fault) throw fault;
    return 7;
  };
}

it('is done again, until it is done', async () => {
  expect(uninterrupted(act())).toBe(7);
  const later = act();
  expect(await uninterruptedly(async () => later())).toBe(7);
});

it('hides no other fault', async () => {
  const fault = Object.assign(new Error('Address already in use'), { code: 'EADDRINUSE' });
  expect(() => uninterrupted(act(fault))).toThrow(fault);
  const later = act(fault);
  await expect(uninterruptedly(async () => later())).rejects.toBe(fault);
});
