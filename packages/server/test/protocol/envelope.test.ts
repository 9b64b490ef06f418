// The wire: what is packed is what is read, and nothing else gets past the reader.
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { Assembly, BadMessage, PayloadReader, PayloadWriter, SHARED_FRAME_BYTES } from '../../src/protocol/index.ts';
import { packHeader, unpackHeader } from '../../src/protocol/envelope.ts';
import type { Envelope, WorkerItem } from '../../src/protocol/messages.ts';

const envelope = (items: WorkerItem[]): Envelope<WorkerItem> => ({
  worker: 'w1',
  incarnation: 'abcd',
  seq: 7,
  session: 's',
  items,
});

describe('envelopes', () => {
  it('come out as they went in', () => {
    const items: WorkerItem[] = [
      { k: 'credits', credits: 4, free: 2, got: 9, part_bytes: 0, ask: true },
      { k: 'ended', ends: [{ t: 'aa', id: 'id', a: 1, at: 1_700_000_000_123, is: 'completed', json: [1, 0, 4] }] },
      { k: 'goodbye' },
    ];
    expect(unpackHeader<WorkerItem>(packHeader(envelope(items)), 'worker', [Buffer.alloc(4)])).toEqual(envelope(items));
  });

  it.each([
    ['another version', { v: 2, w: 'w', i: 'i', n: 1, s: '', m: [] }, /version 2/],
    [
      'the version as a text',
      { v: '1', w: 'w', i: 'i', n: 1, s: '', m: [] },
      /"v" must be .* number, 1; it is the text "1"/,
    ],
    ['no worker', { v: 1, w: '', i: 'i', n: 1, s: '', m: [] }, /"w" must be the worker's id/],
    ['a worker that has no name for people', { v: 1, w: 'a\0b', i: 'i', n: 1, s: '', m: [] }, /"w" must be/],
    ['no incarnation', { v: 1, w: 'w', n: 1, s: '', m: [] }, /"i" must be .* it is nothing/],
    ['a count that is none', { v: 1, w: 'w', i: 'i', n: 1.5, s: '', m: [] }, /"n" must be .* it is 1\.5/],
    ['no session', { v: 1, w: 'w', i: 'i', n: 1, m: [] }, /"s" must be/],
    ['an unknown kind', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'eval' }] }, /unknown message kind/],
    [
      "the other side's kind",
      { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'welcome', session: '', dispatcher: '' }] },
      /unknown message kind/,
    ],
    ['a missing field', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'credits', credits: 1 }] }, /credits\.free/],
    ['a broken element', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'ended', ends: [{ t: 1 }] }] }, /ends\.t/],
  ])('with %s are refused with a sentence', (_, head, sentence) => {
    expect(() => unpackHeader(new Packr({ useRecords: false }).pack(head), 'worker', [])).toThrow(sentence);
  });

  const HELD = { t: 'aa', id: 'id', a: 1, at: 5 };
  const END = { ...HELD, is: 'completed', json: [1, 0, 4] };
  const ERROR = { type: 'E', message: 'm', traceback: '' };
  const LOGS = {
    stdout: { head: [1, 0, 2], tail: [1, 2, 2], total: 9 },
    stderr: { head: [0, 0, 0], tail: [0, 0, 0], total: 0 },
  };
  const BEAT = { k: 'heartbeat', held: [HELD], got: 1, free: 1, running: 0, waiting: 0, runtimes: [], draining: false };
  const RUNTIME = { runtime: 'python', version: '3.11.2', broken: '' };
  const REGISTER = {
    ...{ k: 'register', mode: 'push', host: 'h', pid: 1, version: '1', slots: 1, runtimes: [RUNTIME], labels: [] },
    held: [],
  };
  const PRINTED = { k: 'printed', t: 'aa', stream: 'stdout', offset: 0, bytes: [1, 0, 4] };
  const read = (...m: unknown[]): WorkerItem[] => {
    const head = { v: 1, w: 'w', i: 'i', n: 1, s: '', m };
    return unpackHeader<WorkerItem>(new Packr({ useRecords: false }).pack(head), 'worker', [Buffer.alloc(4)]).items;
  };
  const ends = (...some: unknown[]) => ({ k: 'ended', ends: some });

  it.each([
    [
      'times beyond what a text can say',
      { ...BEAT, held: [{ ...HELD, at: 1e18 }] },
      /held\.at must be Unix milliseconds/,
    ],
    ['times before all time', ends({ ...END, at: -1 }), /ends\.at must be/],
    ['times that are none', ends({ ...END, at: Number.NaN }), /ends\.at must be/],
    ['an attempt that no store can hold', ends({ ...END, a: 2 ** 32 }), /ends\.a must be a whole number/],
    ['an unknown end', ends({ ...END, is: 'zzz' }), /ends\.is must be one of completed, failed, lost, released/],
    ['an end of a name that every object has', ends({ ...END, is: 'constructor' }), /ends\.is must be one of/],
    ['an unknown kind', ends({ ...HELD, is: 'failed', kind: 'zzz', error: ERROR }), /ends\.kind must be one of raised/],
    ['a kind that only the platform makes', ends({ ...HELD, is: 'failed', kind: 'lost', error: ERROR }), /ends\.kind/],
    ['a failure without its error', ends({ ...HELD, is: 'failed', kind: 'raised' }), /ends\.error is missing/],
    ['an error that is no text', ends({ ...HELD, is: 'lost', error: { ...ERROR, message: 5 } }), /error\.message/],
    ['bases that are no list', ends({ ...HELD, is: 'lost', error: { ...ERROR, bases: 5 } }), /error\.bases must be/],
    [
      'details that are no facts',
      ends({ ...HELD, is: 'lost', error: { ...ERROR, details: { a: [] } } }),
      /error\.details/,
    ],
    [
      'an unknown reason',
      ends({ ...HELD, is: 'released', reason: 'tired' }),
      /ends\.reason must be one of handed_back/,
    ],
    ['a payload beside the message', ends({ ...END, json: [1, 2, 4] }), /ends\.json must be .* within the message/],
    ['a payload before the message', ends({ ...END, json: [1, -1, 2] }), /ends\.json/],
    ['a payload of a frame that is not there', ends({ ...END, json: [2, 0, 1] }), /ends\.json/],
    [
      'logs longer than any',
      ends({ ...END, logs: { ...LOGS, stdout: { ...LOGS.stdout, total: 2 ** 60 } } }),
      /logs\.total/,
    ],
    [
      'logs of less than is kept',
      ends({ ...END, logs: { ...LOGS, stdout: { ...LOGS.stdout, total: 3 } } }),
      /its total/,
    ],
    ['logs of one stream', ends({ ...END, logs: { stdout: LOGS.stdout } }), /logs\.stderr is missing/],
    ['output of an unknown stream', { ...PRINTED, stream: 'evil' }, /printed\.stream must be one of stdout, stderr/],
    ['output beyond all places', { ...PRINTED, offset: 2 ** 52 }, /printed\.offset must be a whole number/],
    ['output between two places', { ...PRINTED, offset: 1.5 }, /printed\.offset/],
    ['a part of nothing known', { k: 'part', t: 'aa', of: 'x', offset: 0, total: 4, bytes: [1, 0, 4] }, /part\.of/],
    [
      'a part of less than nothing',
      { k: 'part', t: 'aa', of: 'json', offset: 0, total: -1, bytes: [1, 0, 4] },
      /total/,
    ],
    ['slots below one', { ...REGISTER, slots: -3 }, /register\.slots must be a whole number from 1/],
    ['half a slot', { ...REGISTER, slots: 1.5 }, /register\.slots/],
    ['slots without end', { ...REGISTER, slots: 2 ** 53 }, /register\.slots/],
    [
      'an unknown runtime',
      { ...REGISTER, runtimes: [{ ...RUNTIME, runtime: 'ruby' }] },
      /runtimes\.runtime must be one of/,
    ],
    ['an unknown mode', { ...REGISTER, mode: 'zzz' }, /register\.mode must be one of pull, push/],
    ['a negative count', { ...BEAT, waiting: -0.5 }, /heartbeat\.waiting must be a whole number/],
  ])('whose items have %s are refused as a whole', (_, item, sentence) => {
    expect(() => read({ k: 'goodbye' }, item)).toThrow(sentence);
  });

  it('are read with all that a worker may say of an end', () => {
    const said = [
      { ...END, logs: LOGS, pickle: { parts: 9 } },
      {
        ...HELD,
        is: 'failed',
        kind: 'raised',
        error: { ...ERROR, bases: ['B'], details: { signal: 'KILL', code: 9 } },
      },
      { ...HELD, is: 'released', reason: 'drain' },
    ];
    expect(read(ends(...said), REGISTER, BEAT)).toEqual([ends(...said), REGISTER, BEAT]);
  });

  it('take times with fractions, which are cut off, and nil for what may be left out', () => {
    const [item] = read(ends({ ...END, at: 1_700_000_000_123.75, pickle: null }));
    expect(item).toEqual(ends({ ...END, at: 1_700_000_000_123, pickle: undefined }));
  });

  it('ignore keys they do not know', () => {
    const head = { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'goodbye', why: 'later version' }], later: true };
    expect(unpackHeader<WorkerItem>(new Packr({ useRecords: false }).pack(head), 'worker', []).items).toHaveLength(1);
  });

  it('made of random bytes never do more than refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpackHeader(bytes, 'worker', []);
        } catch (error) {
          expect(error).toBeInstanceOf(BadMessage);
        }
      }),
      { numRuns: 5_000, seed: 1 },
    );
  });

  it('with one byte changed never do more than refuse', () => {
    const bytes = packHeader(
      envelope([{ k: 'heartbeat', held: [], got: 1, free: 1, running: 0, waiting: 0, runtimes: [], draining: false }]),
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const broken = Buffer.from(bytes);
        broken[at] = value;
        try {
          unpackHeader(broken, 'worker', []);
        } catch (error) {
          expect(error).toBeInstanceOf(BadMessage);
        }
      }),
      { numRuns: 5_000, seed: 2 },
    );
  });
});

describe('payloads', () => {
  it('come back by their references, small ones from one shared frame', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constant(new Uint8Array(SHARED_FRAME_BYTES + 1)))),
        (all) => {
          const writer = new PayloadWriter();
          const refs = all.map((bytes) => writer.add(Buffer.from(bytes)));
          const frames = writer.frames();
          const large = all.filter((bytes) => bytes.length > SHARED_FRAME_BYTES).length;
          expect(frames.length).toBeLessThanOrEqual(1 + large);
          const reader = new PayloadReader(frames);
          refs.forEach((ref, at) => expect(reader.read(ref).equals(Buffer.from(all[at]!))).toBe(true));
        },
      ),
      { seed: 3 },
    );
  });

  it.each([[[1, 0, 11]], [[2, 0, 1]], [[1, -1, 2]], [[1, 5, -1]], [[1, Number.NaN, 2]], ['text'], [null]])(
    'outside of the message (%j) are refused',
    (ref) => {
      expect(() => new PayloadReader([Buffer.alloc(10)]).read(ref)).toThrow(BadMessage);
    },
  );
});

describe('parts', () => {
  it('make a whole, in order', () => {
    const parts = new Assembly(100);
    expect(parts.add('a', 0, 4, Buffer.from('ab'))).toBe(false);
    expect(parts.add('a', 2, 4, Buffer.from('cd'))).toBe(true);
    expect(parts.take('a')?.toString()).toBe('abcd');
    expect(parts.take('a')).toBeUndefined();
  });

  it('begin anew at offset 0: a repeat after a lost answer', () => {
    const parts = new Assembly(100);
    parts.add('a', 0, 4, Buffer.from('xx'));
    parts.add('a', 0, 4, Buffer.from('ab'));
    parts.add('a', 2, 4, Buffer.from('cd'));
    expect(parts.take('a')?.toString()).toBe('abcd');
  });

  it('that are here already are passed over, the last one too: their message was repeated', () => {
    const parts = new Assembly(100);
    parts.add('a', 0, 6, Buffer.from('ab'));
    expect(parts.add('a', 2, 6, Buffer.from('cd'))).toBe(false);
    expect(parts.add('a', 2, 6, Buffer.from('cd'))).toBe(false);
    expect(parts.add('a', 4, 6, Buffer.from('ef'))).toBe(true);
    expect(parts.add('a', 4, 6, Buffer.from('ef'))).toBe(false);
    expect(parts.take('a')?.toString()).toBe('abcdef');
  });

  it('that overlap, or are of another whole, are refused', () => {
    for (const [offset, total] of [
      [1, 6],
      [2, 5],
    ] as const) {
      const parts = new Assembly(100);
      parts.add('a', 0, 6, Buffer.from('ab'));
      expect(() => parts.add('a', offset, total, Buffer.from('xy'))).toThrow(BadMessage);
    }
  });

  it('over the limit are refused before anything is allocated', () => {
    expect(() => new Assembly(100).add('a', 0, 1e15, Buffer.from('ab'))).toThrow(/limit/);
  });

  it('with a gap are refused, and taken again from the beginning', () => {
    const parts = new Assembly(100);
    parts.add('a', 0, 6, Buffer.from('ab'));
    expect(() => parts.add('a', 4, 6, Buffer.from('ef'))).toThrow(BadMessage);
    expect(parts.take('a')).toBeUndefined();
  });
});
