// submit: validated whole by the first script, accepted script by script.
import type { QueueLimits, Submission, SubmitAnswer } from '../../store.ts';
import { StoreUnavailable } from '../../store.ts';
import { keyDigest, packIds } from '../record.ts';
import { RIDES_IN_SCRIPT, pieces } from '../shards.ts';
import type { Reply, Shards } from '../shards.ts';
import { submissionArguments, type PreparedSubmission } from './submission-bytes.ts';

/** @throws StoreUnavailable with `accepted` = the indexes whose acceptance is certain. */
export async function submit(
  shards: Shards,
  tenant: string,
  shard: number,
  tasks: readonly Submission[],
  limits: QueueLimits,
): Promise<SubmitAnswer[]> {
  const prepared = tasks.map((task) => ({
    task,
    shared: shards.headers.write(task),
    large: task.args.length > RIDES_IN_SCRIPT,
  }));
  const scripts = pieces(prepared, ({ task, shared, large }) => shared.bytes.length + (large ? 0 : task.args.length));
  const names = scripts.length > 1 ? tasks.flatMap(({ key }) => (key === undefined ? [] : [key.name])) : [];
  const known = await knownKeys(shards, tenant, shard, names);
  // One script sees a conflict by itself.
  const refused = scripts.length > 1 ? inConflict(tasks, known) : undefined;
  if (refused !== undefined) return refused;
  const answers: SubmitAnswer[] = [];
  for (const [n, piece] of scripts.entries()) {
    try {
      // Only the first script looks at the limits, for the whole batch; the others follow whatever happens meanwhile.
      const more = n === 0 ? scripts.slice(1).flat() : undefined;
      const given = await submitPiece(shards, tenant, shard, piece, limits, more, known);
      if (given.length === 1 && given[0]!.is === 'queue_full') return tasks.map(() => given[0]!);
      answers.push(...given);
      // One that arose meanwhile: nothing further is written.
      if (given.some(({ is }) => is === 'conflict')) return tasks.map((_, i) => answers[i] ?? { is: 'refused' });
    } catch (fault) {
      if (fault instanceof StoreUnavailable)
        fault.accepted = answers.flatMap(({ is }, i) => (is === 'accepted' ? [i] : []));
      throw fault;
    }
  }
  return answers;
}

async function submitPiece(
  shards: Shards,
  tenant: string,
  shard: number,
  piece: readonly PreparedSubmission[],
  limits: QueueLimits,
  more: readonly PreparedSubmission[] | undefined,
  known: KnownKeys,
): Promise<SubmitAnswer[]> {
  const large = piece.filter((one) => one.large);
  await Promise.all(large.map(({ task }) => shards.leave(shard, tenant, task.spec.id, task.args, false)));
  const fresh = more?.filter(({ task }) => task.key === undefined || !known.has(task.key.name));
  const moreBytes = fresh?.reduce((sum, { task }) => sum + task.args.length, 0) ?? 0;
  const ids = packIds(piece.map(({ task }) => task.spec.id));
  const limit = [limits.maxTasks, limits.maxBytes, fresh?.length ?? -1, moreBytes];
  const args = [...limit, ids, ...submissionArguments(piece)];
  const reply = await shards.act('submit', shard, tenant, args, true);
  if (typeof reply === 'number') return piece.map(({ task }) => accepted(task.spec.id, reply));
  if (!Array.isArray(reply)) return [refusal(String(reply))];
  return piece.map(({ task }, i) => verdict(task.spec.id, Number(reply[2 * i]), reply[2 * i + 1]!));
}

function refusal(word: string): SubmitAnswer {
  const [limit, alone] = word.split(' ');
  if (limit === 'max_queued_tasks' || limit === 'max_queued_bytes')
    return { is: 'queue_full', limit, alone: alone !== undefined };
  throw new StoreUnavailable('The arguments took too long on their way into the store; submit again.');
}

function accepted(id: string, submittedAt: number): SubmitAnswer {
  return { is: 'accepted', id, submittedAt };
}

function verdict(id: string, code: number, told: Reply): SubmitAnswer {
  if (code === 0) return accepted(id, Number(told));
  if (code === 3) return { is: 'refused' };
  return { is: code === 1 ? 'replayed' : 'conflict', id: String(told) };
}

/** The tasks that keys came with before, by the keys' names. */
type KnownKeys = ReadonlyMap<string, { id: string; content: Buffer }>;

const NONE_KNOWN: KnownKeys = new Map();
const ID_BYTES = 36;

export async function cameBefore(
  shards: Shards,
  tenant: string,
  shard: number,
  keys: readonly string[],
): Promise<number> {
  return (await knownKeys(shards, tenant, shard, keys)).size;
}

/** Which keys of a large batch came before: those tasks take no room, and must not be in conflict with what comes now. */
async function knownKeys(shards: Shards, tenant: string, shard: number, names: readonly string[]): Promise<KnownKeys> {
  if (names.length === 0) return NONE_KNOWN;
  const prefix = shards.prefix(shard, tenant);
  const found = await shards.read(shard, (redis) =>
    redis.mgetBuffer(names.map((name) => Buffer.concat([Buffer.from(`${prefix}k:`), keyDigest(name)]))),
  );
  const known = new Map<string, { id: string; content: Buffer }>();
  for (const [i, bytes] of found.entries()) {
    if (bytes === null) continue;
    known.set(names[i]!, { id: bytes.toString('latin1', 0, ID_BYTES), content: bytes.subarray(ID_BYTES) });
  }
  return known;
}

/** The answers where a key is in conflict, with what came before or with another task of the batch. */
function inConflict(tasks: readonly Submission[], known: KnownKeys): SubmitAnswer[] | undefined {
  const first = new Map<string, Submission>();
  const answers = tasks.map((task): SubmitAnswer | undefined => {
    const told = before(task, known);
    if (told !== undefined || task.key === undefined) return told;
    const other = first.get(task.key.name) ?? task;
    first.set(task.key.name, other);
    return other.key?.content === task.key.content ? undefined : { is: 'conflict', id: other.spec.id };
  });
  if (answers.every((answer) => answer?.is !== 'conflict')) return undefined;
  return answers.map((answer) => answer ?? { is: 'refused' });
}

/** The answer for a task whose key is known to have come before, with another task. */
function before({ key, spec }: Submission, known: KnownKeys): SubmitAnswer | undefined {
  const first = key && known.get(key.name);
  if (first === undefined || first.id === spec.id) return undefined;
  return { is: first.content.equals(keyDigest(key!.content)) ? 'replayed' : 'conflict', id: first.id };
}
