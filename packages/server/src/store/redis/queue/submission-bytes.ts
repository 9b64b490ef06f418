// Submissions as submit.lua reads them.
import { isInline, keyDigest, TEXT_ID_BYTES } from '../record.ts';
import { INLINE, type SharedPart } from '../record-header.ts';
import type { Argument } from '../shards.ts';
import type { Submission } from '../../store.ts';
import { parcel } from './parcel.ts';

export interface PreparedSubmission {
  task: Submission;
  shared: SharedPart;
  /** Its arguments are left in the store before the script. */
  large: boolean;
}

// id; number of the header u16, size of the arguments u40, shape u8
const FACTS_BYTES = TEXT_ID_BYTES + 2 + 5 + 1;
const NOTHING = Buffer.alloc(0);

/** How many headers, these, all tasks in one, and what stands apart. */
export function submissionArguments(piece: readonly PreparedSubmission[]): Argument[] {
  const numbers = new Map<SharedPart, number>();
  for (const { shared } of piece) if (!numbers.has(shared)) numbers.set(shared, numbers.size + 1);
  const tasks = parcel(
    piece,
    FACTS_BYTES,
    ({ task: { spec, args }, shared }, all, from) => {
      all.write(spec.id, from, TEXT_ID_BYTES, 'latin1');
      let at = all.writeUInt16LE(numbers.get(shared)!, from + TEXT_ID_BYTES);
      at = all.writeUIntLE(args.length, at, 5);
      all.writeUInt8(isInline(args) ? shared.shape | INLINE : shared.shape, at);
    },
    ({ task, large }) => [large ? NOTHING : task.args, peculiarities(task, large)],
  );
  return [numbers.size, ...[...numbers.keys()].map(({ bytes }) => bytes), ...tasks];
}

/** What most tasks lack: not_before u48, large u8, digests of the key's name and content. */
function peculiarities({ spec, key }: Submission, large: boolean): Buffer {
  if (spec.not_before === 0 && !large && key === undefined) return NOTHING;
  const fixed = Buffer.alloc(7);
  fixed.writeUIntLE(spec.not_before, 0, 6);
  fixed.writeUInt8(large ? 1 : 0, 6);
  return key === undefined ? fixed : Buffer.concat([fixed, keyDigest(key.name), keyDigest(key.content)]);
}
