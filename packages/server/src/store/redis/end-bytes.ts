// An end, as e:<id> or the tail of the record holds it: who ran the task at last, its error, its result in one or both forms.
// worker length u8, worker | error length u32, JSON form length + 1 u32 (0 = absent), error, JSON form, pickle or nothing.
import type { ErrorInfo, ResultForms } from '../../lifecycle/outcome.ts';
import { BoundedMap } from '../../bounded-map.ts';
import { filledForms } from '../result-forms.ts';

/** Worker ids are cut to this many bytes. */
const WORKER_BYTES = 255;

export interface EndContent {
  worker: string;
  error: ErrorInfo | null;
  result: ResultForms;
}

/** As it is kept of a RUNNING task, too. */
export function cutWorker(worker: string): Buffer {
  return Buffer.from(worker).subarray(0, WORKER_BYTES);
}

const packedWorkers = new BoundedMap<string, Buffer>(1024);

/** One buffer for all ends of a worker. */
function packWorker(worker: string): Buffer {
  let packed = packedWorkers.get(worker);
  if (packed === undefined) {
    const bytes = cutWorker(worker);
    packed = Buffer.concat([Buffer.from([bytes.length]), bytes]);
    packedWorkers.set(worker, packed);
  }
  return packed;
}

/** The end without its worker, which the script adds where no attempt made the end. */
export function packUnsigned(error: ErrorInfo | null, result: ResultForms): Buffer {
  return Buffer.concat(unsignedParts(error, result));
}

export function packEnd({ worker, error, result }: EndContent): Buffer {
  // Joined once: a result may be large.
  return Buffer.concat([packWorker(worker), ...unsignedParts(error, result)]);
}

function unsignedParts(error: ErrorInfo | null, forms: ResultForms): Buffer[] {
  const result = filledForms(forms);
  const text = error === null ? NOTHING : Buffer.from(JSON.stringify(error));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(result.json === undefined ? 0 : result.json.length + 1, 4);
  return [lengths, text, result.json ?? NOTHING, result.pickle ?? NOTHING];
}

const NOTHING = Buffer.alloc(0);

export function readEnd(bytes: Buffer): EndContent {
  const { worker, at: lengthsAt } = readWorker(bytes);
  const errorLength = bytes.readUInt32LE(lengthsAt);
  const jsonLength = bytes.readUInt32LE(lengthsAt + 4) - 1;
  const errorAt = lengthsAt + 8;
  const jsonAt = errorAt + errorLength;
  const pickleAt = jsonAt + Math.max(0, jsonLength);
  const result: ResultForms = {};
  if (jsonLength >= 0) result.json = bytes.subarray(jsonAt, pickleAt);
  if (pickleAt < bytes.length) result.pickle = bytes.subarray(pickleAt);
  return { worker, error: readError(bytes.subarray(errorAt, jsonAt)), result };
}

/** How many first bytes of e:<id> hold worker and error, told by its first 264 bytes or all of it. */
export const END_PREFIX_BYTES = 1 + WORKER_BYTES + 8;

export function errorSpan(prefix: Buffer): { worker: string; from: number; to: number } {
  const { worker, at } = readWorker(prefix);
  return { worker, from: at + 8, to: at + 8 + prefix.readUInt32LE(at) };
}

export function readError(bytes: Buffer): ErrorInfo | null {
  return bytes.length === 0 ? null : (JSON.parse(bytes.toString()) as ErrorInfo);
}

function readWorker(bytes: Buffer): { worker: string; at: number } {
  const length = bytes.readUInt8(0);
  return { worker: bytes.toString('utf8', 1, 1 + length), at: 1 + length };
}
