// The part of a task's spec that no script reads, as a list by position: a third of the size of the map on the wire.
// The positions are part of the stored format: add at the end, never reorder.
import { Packr } from 'msgpackr';
import { timeOf } from '../../lifecycle/ids.ts';
import type { TaskSpec } from '../../lifecycle/spec.ts';

const POSITIONS = [
  'function_name',
  'function_version',
  'form',
  'args_as',
  'timeout_ms',
  'max_result_bytes',
  'submitted_at',
  'python',
  'isolation',
  'entry',
  'memory_bytes',
  'retry',
  'not_before',
  'tags',
  'labels',
  'traceparent',
  'classic',
] as const satisfies readonly (keyof TaskSpec)[];

type Packed = (typeof POSITIONS)[number];
/** The rest stands in the record itself, where scripts read it. */
export type SpecInRecord = Omit<TaskSpec, Packed>;

/** What is left out at the end of the list. */
const DEFAULTS: Partial<Record<Packed, unknown>> = {
  entry: '',
  memory_bytes: 0,
  retry: null,
  not_before: 0,
  traceparent: '',
  classic: false,
};

const packr = new Packr({ useRecords: false });

export function packSpecRest(spec: TaskSpec): Buffer {
  const list: unknown[] = POSITIONS.map((name) => spec[name]);
  // An id of ours tells the time already.
  list[POSITIONS.indexOf('submitted_at')] = spec.submitted_at - timeOf(spec.id);
  let length = list.length;
  while (length > 0 && isDefault(POSITIONS[length - 1]!, list[length - 1])) length -= 1;
  return packr.pack(list.slice(0, length));
}

function isDefault(name: Packed, value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : name in DEFAULTS && DEFAULTS[name] === value;
}

/** The whole spec: what the record holds, and the list. */
export function unpackSpecRest(inRecord: SpecInRecord, bytes: Buffer): TaskSpec {
  const list = packr.unpack(bytes) as unknown[];
  const rest: Record<string, unknown> = { ...DEFAULTS, tags: [], labels: [] };
  for (const [i, value] of list.entries()) rest[POSITIONS[i] ?? ''] = value;
  rest['submitted_at'] = Number(rest['submitted_at']) + timeOf(inRecord.id);
  return { ...(rest as unknown as Pick<TaskSpec, Packed>), ...inRecord };
}
