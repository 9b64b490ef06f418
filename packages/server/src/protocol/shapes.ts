// The shape of every item, checked before anything reads it: a peer's mistake is refused in one place.
import type { Item } from './messages.ts';
import { BadMessage } from './bad-message.ts';

type FieldType = 'string' | 'number' | 'boolean' | 'list' | 'texts' | 'blobs' | 'ref';
type Shape = Record<string, FieldType>;

const PART: Shape = { t: 'string', of: 'string', offset: 'number', total: 'number', bytes: 'ref' };

const SHAPES: Record<Item['k'], Shape> = {
  register: {
    mode: 'string',
    host: 'string',
    pid: 'number',
    version: 'string',
    slots: 'number',
    runtimes: 'list',
    labels: 'texts',
    held: 'list',
  },
  heartbeat: {
    held: 'list',
    got: 'number',
    free: 'number',
    running: 'number',
    waiting: 'number',
    runtimes: 'list',
    draining: 'boolean',
  },
  credits: { credits: 'number', free: 'number', got: 'number', part_bytes: 'number', ask: 'boolean' },
  ended: { ends: 'list' },
  printed: { t: 'string', stream: 'string', offset: 'number', bytes: 'ref' },
  need_code: { digests: 'texts' },
  part: PART,
  goodbye: {},
  welcome: { session: 'string', dispatcher: 'string' },
  tasks: { number: 'number', headers: 'blobs', tasks: 'list' },
  code: { digest: 'string', bytes: 'ref' },
  no_code: { digest: 'string', gone: 'boolean', message: 'string' },
  settled: { tokens: 'texts' },
  resend: { tokens: 'texts' },
  drop: { tokens: 'texts' },
  recall: { tokens: 'texts' },
  register_again: {},
  refused: { message: 'string' },
};

/** The elements of the lists that are no plain texts. */
const ELEMENTS: Partial<Record<string, Shape>> = {
  held: { t: 'string', id: 'string', a: 'number', at: 'number' },
  runtimes: { runtime: 'string', version: 'string', broken: 'string' },
  ends: { t: 'string', id: 'string', a: 'number', at: 'number', is: 'string' },
  tasks: { t: 'string', id: 'string', a: 'number', h: 'number' },
};

/** @throws BadMessage naming the first field that is missing or of another type. */
export function checkItem(item: Item): void {
  check(item as unknown as Record<string, unknown>, SHAPES[item.k], item.k);
}

function check(value: Record<string, unknown>, shape: Shape, where: string): void {
  for (const field in shape) {
    if (!fits(value[field], shape[field]!, field))
      throw new BadMessage(`${where}.${field} is missing or of another type`);
  }
}

function fits(value: unknown, type: FieldType, field: string): boolean {
  switch (type) {
    case 'list': {
      if (!Array.isArray(value)) return false;
      const element = ELEMENTS[field]!;
      for (const entry of value as unknown[]) {
        if (typeof entry !== 'object' || entry === null) return false;
        check(entry as Record<string, unknown>, element, field);
      }
      return true;
    }
    case 'texts':
      return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    case 'blobs':
      return Array.isArray(value) && value.every((entry) => entry instanceof Uint8Array);
    case 'ref':
      return Array.isArray(value) && value.length === 3 && value.every((entry) => typeof entry === 'number');
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'string':
    case 'boolean':
      return typeof value === type;
  }
}
