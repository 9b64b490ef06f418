// What is kept of a stream, against the whole of it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addChunks, emptyLogs, packLogs, unpackLogs } from '../../src/store/stream-log.ts';

describe('9 the kept log', () => {
  it('is the first and last bytes of the whole, however it was cut and repeated', () => {
    const cut = fc.array(fc.record({ length: fc.integer({ min: 0, max: 9 }), back: fc.integer({ min: 0, max: 5 }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        cut,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (pieces, headBytes, tailBytes) => {
          const whole = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
          let [logs, sent] = [emptyLogs(), 0];
          for (const { length, back } of pieces) {
            const offset = Math.max(0, sent - back);
            sent = Math.max(sent, offset + length);
            const bytes = whole.subarray(offset, offset + length);
            logs = addChunks(logs, [{ stream: 'stderr', offset, bytes }], { headBytes, tailBytes });
          }
          const { head, tail, total } = logs.stderr;
          expect(total).toBe(sent);
          expect(head).toEqual(whole.subarray(0, Math.min(headBytes, sent)));
          expect(tail).toEqual(whole.subarray(Math.max(head.length, sent - tailBytes), sent));
          expect(unpackLogs(packLogs(7, logs))).toEqual({ attempt: 7, logs });
        },
      ),
    );
  });

  it('keeps offsets true across a gap', () => {
    const chunk = (offset: number, text: string) => ({ stream: 'stdout' as const, offset, bytes: Buffer.from(text) });
    const { stdout } = addChunks(emptyLogs(), [chunk(0, 'abc'), chunk(10, 'klm')], { headBytes: 100, tailBytes: 100 });
    expect(stdout).toEqual({ head: Buffer.from('abc'), tail: Buffer.from('klm'), total: 13 });
  });
});
