// Results that nobody has settled: in memory up to a bound, beyond it on disk, the same either way.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ended } from '../../src/worker/attempts.ts';
import { DiskOverflow } from '../../src/worker/disk-overflow.ts';
import { KeptResults } from '../../src/worker/kept-results.ts';

const small: Ended = { outcome: { is: 'completed', result: { json: Buffer.from('1') } }, logs: null };
const large: Ended = {
  outcome: {
    is: 'failed',
    kind: 'raised',
    error: { type: 'ValueError', message: 'no', traceback: '' },
    pickle: Buffer.alloc(10_000, 7),
  },
  logs: {
    stdout: { head: Buffer.from('out'), tail: Buffer.alloc(0), total: 3 },
    stderr: { head: Buffer.alloc(0), tail: Buffer.alloc(0), total: 0 },
  },
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kept-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('kept results', () => {
  it('come back as they were, from memory and from disk', () => {
    const kept = new KeptResults(new DiskOverflow(directory), 2_000);
    kept.keep('a', small);
    kept.keep('b', large);
    expect(readdirSync(directory)).toHaveLength(1);
    expect(kept.get('a')).toEqual(small);
    expect(kept.get('b')).toEqual(large);
    expect(kept.get('b')).toEqual(large);
    kept.close();
    expect(readdirSync(directory)).toHaveLength(0);
  });

  it('the last one that went to disk is in hand once', () => {
    const kept = new KeptResults(new DiskOverflow(directory), 0);
    kept.keep('a', large);
    kept.keep('b', large);
    expect(kept.get('b')).toBe(large);
    for (const token of ['a', 'b']) {
      expect(kept.get(token)).toEqual(large);
      expect(kept.get(token)).not.toBe(large);
    }
    kept.keep('c', large);
    kept.forget('c');
    expect(kept.get('c')).toBeUndefined();
    kept.close();
  });

  it('come back from disk as they were read, without a copy', () => {
    const disk = new DiskOverflow(directory);
    disk.put('a', large);
    const { outcome, logs } = disk.get('a')!;
    if (outcome.is !== 'failed') throw new Error(outcome.is);
    const payloads = [outcome.pickle!, ...Object.values(logs!).flatMap(({ head, tail }) => [head, tail])];
    expect(payloads.every((bytes) => Buffer.isBuffer(bytes))).toBe(true);
    expect(new Set(payloads.map(({ buffer }) => buffer)).size).toBe(1);
    disk.close();
  });

  it('stay in memory where they could not be read from disk', () => {
    const kept = new KeptResults(new DiskOverflow(directory, 5_000), 2_000);
    kept.keep('a', large);
    expect(readdirSync(directory)).toHaveLength(0);
    expect(kept.get('a')).toEqual(large);
  });

  it('that were settled are gone and make room', () => {
    const kept = new KeptResults(new DiskOverflow(directory), 1_200);
    kept.keep('a', small);
    kept.keep('b', small);
    kept.keep('c', small);
    const [folder = ''] = readdirSync(directory);
    expect(readdirSync(join(directory, folder))).toEqual(['c']);
    kept.forget('c');
    kept.forget('a');
    expect(existsSync(join(directory, folder, 'c'))).toBe(false);
    expect([kept.get('a'), kept.get('c')]).toEqual([undefined, undefined]);
    kept.keep('d', small);
    expect(readdirSync(join(directory, folder))).toEqual([]);
    expect(kept.get('d')).toEqual(small);
  });
});
