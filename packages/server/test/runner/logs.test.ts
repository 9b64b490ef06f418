// What is kept of a call's output: head, tail, total; and what people who follow are told.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CallLogs } from '../../src/runner/logs.ts';

test('head and tail are the stream’s own, whatever the pieces', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 });
  fc.assert(
    fc.property(pieces, fc.nat(50), fc.nat(50), (list, headBytes, tailBytes) => {
      const logs = new CallLogs({ headBytes, tailBytes });
      for (const piece of list) logs.add('stdout', Buffer.from(piece));
      const all = Buffer.concat(list.map((piece) => Buffer.from(piece)));
      const { head, tail, total } = logs.kept().stdout;
      expect(total).toBe(all.length);
      expect(head).toEqual(all.subarray(0, headBytes));
      const rest = all.subarray(head.length);
      expect(tail).toEqual(rest.subarray(Math.max(0, rest.length - tailBytes)));
    }),
    { seed: 3 },
  );
});

test('the news, in order, are the stream as far as it is kept', () => {
  const steps = fc.array(fc.tuple(fc.uint8Array({ maxLength: 30 }), fc.boolean()), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (list) => {
      const logs = new CallLogs({ headBytes: 20, tailBytes: 20 });
      const all: number[] = [];
      let told = 0;
      for (const [piece, look] of [...list, [new Uint8Array(), true] as const]) {
        logs.add('stderr', Buffer.from(piece));
        all.push(...piece);
        if (!look) continue;
        for (const { stream, offset, bytes } of logs.news()) {
          expect(stream).toBe('stderr');
          expect(offset).toBeGreaterThanOrEqual(told);
          expect([...bytes]).toEqual(all.slice(offset, offset + bytes.length));
          told = offset + bytes.length;
        }
        expect(told).toBe(all.length);
      }
    }),
    { seed: 4 },
  );
});
