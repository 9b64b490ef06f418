// The part of a task's header that no script reads, as a list by position: a third of the size of the map on the wire.
// The positions are part of the stored format: add at the end, never reorder.
import { Packr } from 'msgpackr';
import type { TaskHeader } from '../../lifecycle/spec.ts';

const POSITIONS = [
  'function_name',
  'function_version',
  'form',
  'args_as',
  'timeout_ms',
  'max_result_bytes',
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
] as const satisfies readonly (keyof TaskHeader)[];

type Packed = (typeof POSITIONS)[number];
/** The rest stands in the record itself, where scripts read it. */
export type HeaderInRecord = Omit<TaskHeader, Packed>;

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

export function packHeaderRest(header: TaskHeader): Buffer {
  const list: unknown[] = POSITIONS.map((name) => header[name]);
  let length = list.length;
  while (length > 0 && isDefault(POSITIONS[length - 1]!, list[length - 1])) length -= 1;
  return packr.pack(list.slice(0, length));
}

function isDefault(name: Packed, value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : name in DEFAULTS && DEFAULTS[name] === value;
}

/** The whole header: what the record holds, and the list. */
export function unpackHeaderRest(inRecord: HeaderInRecord, bytes: Buffer): TaskHeader {
  const list = packr.unpack(bytes) as unknown[];
  const rest: Record<string, unknown> = { ...DEFAULTS, tags: [], labels: [] };
  for (const [i, value] of list.entries()) rest[POSITIONS[i] ?? ''] = value;
  return { ...(rest as unknown as Pick<TaskHeader, Packed>), ...inRecord };
}
