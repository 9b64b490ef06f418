// One call with a large argument, which is also its result: in raw frames, in base64, and through the bare path.
import { FRAMES } from '@mpcsfaas/contract';
import { bareCall } from '../bare/index.ts';
import type { Client } from '../http.ts';
import type { Running } from '../ours.ts';

/** Kept no longer than need be: these payloads would fill the store. */
const OPTIONS = { result_ttl_ms: 10_000 };

/** Sends one call with this argument; was it what came back? */
export type Send = (data: Buffer) => Promise<boolean>;

/** Raw both ways: frames in, the pickle's bytes out. */
export function framed({ client, noop }: Running): Send {
  const header = Buffer.from(JSON.stringify({ args_pickle: { frame: 0 }, options: OPTIONS }));
  return async (data) => {
    const [head, tail] = pickleAround(data);
    const args = length(head.length + data.length + tail.length);
    const body = Buffer.concat([length(header.length), header, args, head, data, tail]);
    const path = `/v1/call/${noop.python}?wait_ms=60000`;
    const { status, bytes } = await client.send('POST', path, body, { 'content-type': FRAMES });
    return status === 200 && holds(bytes, data);
  };
}

/** In base64 in JSON both ways, as a submit and a fetch. */
export function encoded({ client, noop }: Running): Send {
  return async (data) => {
    const args = pickled(data).toString('base64');
    const body = { function: noop.python, args_pickle: args, options: OPTIONS };
    const { task_id: task } = await client.json<{ task_id: string }>('/v1/tasks', body);
    const { pickle = '' } = await client.read<{ pickle?: string }>(`/v1/tasks/${task}/result?wait_ms=60000`);
    return holds(Buffer.from(pickle, 'base64'), data);
  };
}

/** The bytes of a pickle both ways. */
export function throughBare(client: Client): Send {
  return async (data) => {
    const { status, bytes } = await bareCall(client, pickled(data));
    return status === 200 && holds(bytes, data);
  };
}

function pickled(data: Buffer): Buffer {
  const [head, tail] = pickleAround(data);
  return Buffer.concat([head, data, tail]);
}

/** What stands before and after the bytes in the pickle of `((bytes,), {})`: BINBYTES; TUPLE1, a dict, TUPLE2. */
function pickleAround(data: Buffer): [Buffer, Buffer] {
  const head = Buffer.from([0x80, 3, 0x42, 0, 0, 0, 0]);
  head.writeUInt32LE(data.length, 3);
  return [head, Buffer.from([0x85, 0x7d, 0x86, 0x2e])];
}

/** Is this a pickle of these bytes? They stand at its end, before STOP and perhaps one opcode that memoizes them. */
function holds(pickle: Buffer, data: Buffer): boolean {
  return [1, 2, 3].some((tail) => {
    const end = pickle.length - tail;
    return end >= data.length && data.equals(pickle.subarray(end - data.length, end));
  });
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
