// Where the store is, as people write it.
import { describe, expect, it } from 'vitest';
import { parseAddress, withoutPassword } from '../../src/store/index.ts';
import { masterOf, movedTo, newestOf, readView, slotOfTag } from '../../src/store/redis/cluster-view.ts';

describe('an address', () => {
  it('of sentinels names them, the master, and who may ask whom', () => {
    expect(parseAddress('redis+sentinel://a:1,b,[::1]:3/main/2?sentinel_password=s%26t')).toEqual({
      is: 'sentinel',
      sentinels: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26379 },
        { host: '::1', port: 3 },
      ],
      name: 'main',
      db: 2,
      tls: false,
      credentials: {},
      sentinelCredentials: { password: 's&t' },
    });
    expect(parseAddress('rediss+sentinel://u:p%40q@a/main?sentinel_username=v&sentinel_password=w')).toMatchObject({
      tls: true,
      db: 0,
      credentials: { username: 'u', password: 'p@q' },
      sentinelCredentials: { username: 'v', password: 'w' },
    });
  });

  it('of a Cluster names some of its nodes', () => {
    expect(parseAddress('rediss+cluster://:p@a:1,b:2')).toEqual({
      is: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: true,
      credentials: { password: 'p' },
    });
  });

  it.each([
    'redis+sentinel://a,b',
    'redis+sentinel://a,b/',
    'redis+sentinel://a:0/main',
    'redis+sentinel://a:99999/main',
    'redis+sentinel://a,,b/main',
    'redis+sentinel://a/main/x',
    'redis+sentinel://a/main?password=p',
    'redis+cluster://a:1/1',
    'redis+cluster://',
    'redis+other://a',
    'http://a',
    'redis://a:1,b:2',
    'redis://a/x',
    'a',
    '',
  ])('is not %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('is shown without what is secret in it', () => {
    expect(withoutPassword('redis://u:secret@a:1')).toBe('redis://a:1');
    expect(withoutPassword('redis+sentinel://u:secret@a,b/m?sentinel_username=u&sentinel_password=secret')).toBe(
      'redis+sentinel://a,b/m?sentinel_username=u&sentinel_password=…',
    );
    expect(withoutPassword('redis://a?password=secret&db=1')).toBe('redis://a?password=…&db=1');
  });
});

describe('what nodes of a Cluster tell', () => {
  it('has the slots of the specification', () => {
    expect([slotOfTag('{123456789}'), slotOfTag('{s0}'), slotOfTag('{s2}')]).toEqual([12739, 11097, 2843]);
  });

  it('is believed of the one with the newest epoch, and of equal ones of the one that knows most', () => {
    const asked = { host: 'asked', port: 1 };
    const view = (epoch: number, ...rows: unknown[]) => readView(`cluster_current_epoch:${epoch}\r\n`, rows, asked);
    const [old, newest] = [view(3, [0, 16383, ['old', 7]]), view(4, [0, 99, ['', 8]], [100, 16383, ['new', 9]])];
    const best = newestOf([old, newest, view(4)])!;
    expect([masterOf(best, 0), masterOf(best, 100)]).toEqual([
      { host: 'asked', port: 8 },
      { host: 'new', port: 9 },
    ]);
    expect(masterOf(view(1, [5, 6, ['x', 1]]), 4)).toBeUndefined();
    expect(newestOf([])).toBeUndefined();
  });

  it('moves a slot with one word', () => {
    expect(movedTo('MOVED 3999 127.0.0.1:6381')).toEqual({ slot: 3999, place: { host: '127.0.0.1', port: 6381 } });
    expect(movedTo('MOVED 3999 ::1:6381')).toEqual({ slot: 3999, place: { host: '::1', port: 6381 } });
    expect(movedTo('MOVED 3999 :6381')).toEqual({ slot: 3999, place: undefined });
    expect(movedTo('ASK 3999 127.0.0.1:6381')).toBeUndefined();
  });
});
