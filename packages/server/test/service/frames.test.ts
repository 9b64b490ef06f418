// The binary way in and out: a header with the route's schema, and raw frames.
import { FRAMES } from '@mpcsfaas/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/lifecycle/ids.ts';
import { PICKLE_42, addFunction, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
  await addFunction(rig);
});
afterAll(() => rig.stop());

const sized = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const framesOf = (header: unknown, ...frames: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(JSON.stringify(header)), ...frames].map(sized));

function split(bytes: Buffer): { header: unknown; frames: Buffer[] } {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    parts.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { header: JSON.parse(parts[0]!.toString()), frames: parts.slice(1) };
}

const send = (path: string, body: Buffer, headers = {}) => rig.post(path, body, { 'content-type': FRAMES, ...headers });

const ARGS = Buffer.from('80025d285803000000616263652e', 'hex');

describe('frames in', () => {
  it('carry functions, arguments and batches', async () => {
    const code = Buffer.from('cbuiltins\nlen\n.');
    const header = { name: 'framed', runtime: 'python', payload: { frame: 0 } };
    expect((await send('/v1/functions', framesOf(header, code))).status).toBe(201);
    const batch = {
      tasks: [
        { function: 'framed', args_pickle: { frame: 1 } },
        { function: 'double', args: [1] },
        { function: 'framed', args_pickle: { frame: 0 } },
      ],
    };
    const { body } = await send('/v1/tasks/batch', framesOf(batch, PICKLE_42, ARGS));
    const claimed = new Map((await rig.claim()).map(({ spec, args }) => [spec.id, args]));
    expect(claimed.get(body.task_ids[0]!)).toEqual(ARGS);
    expect(claimed.get(body.task_ids[2]!)).toEqual(PICKLE_42);
    await rig.store.cancel('default', body.task_ids);
  });

  it.each([
    ['nothing', Buffer.alloc(0), 400],
    ['half a length', Buffer.from([0, 0]), 400],
    ['a length beyond the end', Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), 400],
    ['a frame cut short', framesOf({ function: 'double', args_pickle: { frame: 0 } }, ARGS).subarray(0, -1), 400],
    ['a header that is no JSON', sized(Buffer.from('{')), 400],
    ['a frame that is not there', framesOf({ function: 'double', args_pickle: { frame: 3 } }), 400],
    ['base64 where a frame is due', framesOf({ function: 'double', args_pickle: 'gAJLKi4=' }), 422],
    ['a field too many', framesOf({ function: 'double', more: 1 }), 422],
  ])('with %s are refused', async (_what, body, status) => {
    expect((await send('/v1/tasks', body)).status).toBe(status);
  });

  it('of random bytes are refused, and the service goes on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
        const { status } = await send('/v1/tasks', Buffer.from(bytes));
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 200, seed: 7 },
    );
    expect((await rig.get('/healthz')).status).toBe(200);
  });
});

describe('frames out', () => {
  it('are chosen by Accept, whatever came in', async () => {
    const { task_id } = (await rig.post('/v1/tasks', { function: 'double', args_pickle: 'gAJLKi4=' })).body;
    await rig.finish();
    for (const [path, body] of [
      [`/v1/tasks/${task_id}/result`, undefined],
      ['/v1/results', { task_ids: [task_id] }],
    ] as const) {
      const answer = await rig.send(body === undefined ? 'GET' : 'POST', path, body, { accept: FRAMES });
      expect(answer.headers.get('content-type')).toBe(FRAMES);
      const { header, frames } = split(answer.bytes);
      const result = { task_id, status: 'COMPLETED', value: 42, pickle: { frame: 0 }, error: null };
      expect(header).toMatchObject(body === undefined ? result : { results: [result], pending: [], unknown: [] });
      expect(frames).toEqual([PICKLE_42]);
    }
  });

  it.each([
    [FRAMES, true],
    [`${FRAMES}, application/json`, true],
    [`${FRAMES}, */*`, true],
    [`application/json;q=0.5, ${FRAMES.toUpperCase()}; q=0.6`, true],
    [`application/json;q=0, */*`, true],
    [`application/json, ${FRAMES};q=0.5`, false],
    [`${FRAMES};q=0.9, */*`, false],
    [`${FRAMES};q=0`, false],
    [`${FRAMES};q=0, */*;q=0.1`, false],
    ['*/*', false],
    ['application/*', false],
    ['', false],
  ])('are weighed against JSON: %s', async (accept, framed) => {
    const answer = await rig.send('POST', '/v1/results', { task_ids: [newId(Date.now(), 0)] }, { accept });
    expect(answer.headers.get('content-type') === FRAMES).toBe(framed);
  });

  it('carry large payloads whole', async () => {
    const { task_id } = (await rig.post('/v1/tasks', { function: 'double', args_pickle: 'gAJLKi4=' })).body;
    const large = Buffer.alloc(5_000_001, 'pickle');
    await rig.finish({ state: 'COMPLETED', result: { pickle: large } });
    const framed = await rig.get(`/v1/tasks/${task_id}/result`, { accept: FRAMES });
    expect(split(framed.bytes).frames[0]!.equals(large)).toBe(true);
    const { body } = await rig.get(`/v1/tasks/${task_id}/result`);
    expect(Buffer.from(body.pickle, 'base64').equals(large)).toBe(true);
  });
});
