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
    expect(unpackHeader<WorkerItem>(packHeader(envelope(items)), 'worker')).toEqual(envelope(items));
  });

  it.each([
    ['another version', { v: 2, w: 'w', i: 'i', n: 1, s: '', m: [] }, /version 2/],
    ['no worker', { v: 1, w: '', i: 'i', n: 1, s: '', m: [] }, /worker id/],
    ['an unknown kind', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'eval' }] }, /unknown message kind/],
    [
      "the other side's kind",
      { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'welcome', session: '', dispatcher: '' }] },
      /unknown message kind/,
    ],
    ['a missing field', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'credits', credits: 1 }] }, /credits\.free/],
    ['a broken element', { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'ended', ends: [{ t: 1 }] }] }, /ends\.t/],
  ])('with %s are refused with a sentence', (_, head, sentence) => {
    expect(() => unpackHeader(new Packr({ useRecords: false }).pack(head), 'worker')).toThrow(sentence);
  });

  it('ignore keys they do not know', () => {
    const head = { v: 1, w: 'w', i: 'i', n: 1, s: '', m: [{ k: 'goodbye', why: 'later version' }], later: true };
    expect(unpackHeader<WorkerItem>(new Packr({ useRecords: false }).pack(head), 'worker').items).toHaveLength(1);
  });

  it('made of random bytes never do more than refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpackHeader(bytes, 'worker');
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
          unpackHeader(broken, 'worker');
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
