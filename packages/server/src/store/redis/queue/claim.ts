// claim: from the shard whose best waiting task is the best of all, then from the others.
import { setTimeout as pause } from 'node:timers/promises';
import { parseLane } from '../../../lifecycle/lane.ts';
import { EXPIRED } from '../../platform-error.ts';
import type { Claim, ClaimedTask, LaneQuota } from '../../store.ts';
import { CLAIM_BYTES } from '../../timing.ts';
import { StoreUnavailable } from '../../store.ts';
import { startWithinMs } from '../../rules.ts';
import { packUnsigned } from '../end-bytes.ts';
import {
  CLAIMED_HEAD_BYTES,
  claimerDigest,
  hasBegun,
  holdsArguments,
  idsOf,
  kindCode,
  readClaimedHead,
  readRecord,
} from '../record.ts';
import { SCRIPT_BYTES, SCRIPT_TASKS, Unconfirmed } from '../shards.ts';
import type { Argument, Shards } from '../shards.ts';
import { release } from './hold.ts';
import { NOTHING, readLarge } from './large-arguments.ts';
import type { Tickets } from './tickets.ts';

const EXPIRED_END = packUnsigned(EXPIRED, {});

export async function claim(
  shards: Shards,
  tickets: Tickets,
  leaseMs: number,
  tenant: string,
  claimer: string,
  lanes: readonly LaneQuota[],
  max: number,
  from: (shard: number) => boolean = () => true,
): Promise<Claim> {
  const claimed: Claim = { tasks: [], more: false, owes: false };
  const { tasks } = claimed;
  const left = new Map(lanes.map(({ lane, max: quota }) => [lane, quota]));
  let bytes = 0;
  let answers = 0;
  let fault: unknown;
  const take = async (shard: number, wanted: number): Promise<Claim | undefined> => {
    try {
      const room = CLAIM_BYTES - bytes;
      const got = await claimFrom(shards, tickets, shard, leaseMs, tenant, claimer, left, wanted, room, tasks);
      answers += 1;
      for (const task of got.tasks) {
        left.set(task.lane, (left.get(task.lane) ?? 0) - 1);
        bytes += task.args.length;
      }
      tasks.push(...got.tasks);
      // An answer that was cut short, for its bytes or for the expired ones it met, leaves work behind.
      claimed.more ||= got.more;
      return got;
    } catch (thrown) {
      // What is claimed already is handed out, for its tokens are known here and nowhere else; and other shards have work.
      if (tasks.length === 0 && (!(thrown instanceof StoreUnavailable) || shards.count === 1)) throw thrown;
      fault = thrown;
      claimed.owes = true;
      return undefined;
    }
  };
  for (const shard of tickets.unanswered(shards.all(), tenant, claimer)) {
    // Nobody waits for a shard that is away as long as there are others.
    if (shards.count === 1 || shards.servers.isReady(shard)) await take(shard, NOTHING_NEW);
    else claimed.owes = true;
  }
  // Without lanes only what is owed was asked for, and a shard that owes it still is asked by the next claim.
  if (lanes.length === 0) return claimed;
  const best = await bestFirst(shards, tenant, lanes, from).catch((thrown: unknown) => {
    if (tasks.length === 0) throw thrown;
    claimed.more = true;
    return [];
  });
  for (const shard of best) {
    // One that did not answer may have been of the same server.
    if (fault !== undefined && !shards.servers.isReady(shard)) continue;
    for (;;) {
      const wanted = Math.min(SCRIPT_TASKS, max - tasks.length);
      if (wanted <= 0 || (bytes >= CLAIM_BYTES && tasks.length > 0)) return { ...claimed, more: true };
      const got = await take(shard, wanted);
      // The leases of what is claimed run: it is handed out before anybody else is waited for.
      if (got === undefined && tasks.length > 0) return { ...claimed, more: true };
      if (got === undefined || got.tasks.length !== wanted || !got.more) break;
    }
  }
  // Where only one of several is away, nobody waits as long as for a store that is.
  if (fault instanceof StoreUnavailable && answers === 0) throw fault;
  return claimed;
}

/** So many new tasks are claimed where only that is wanted which a shard handed out without an answer. */
const NOTHING_NEW = 0;

async function claimFrom(
  shards: Shards,
  tickets: Tickets,
  shard: number,
  leaseMs: number,
  tenant: string,
  claimer: string,
  quotas: ReadonlyMap<string, number>,
  max: number,
  room: number,
  before: readonly ClaimedTask[],
): Promise<Claim> {
  const open = max === NOTHING_NEW ? [] : [...quotas].filter(([, quota]) => quota > 0);
  if (open.length === 0 && max !== NOTHING_NEW) return { tasks: [], more: false, owes: false };
  const { ticket, isNew } = tickets.draw(shard, tenant, claimer);
  const fixed = [
    claimerDigest(claimer),
    max,
    leaseMs,
    SCRIPT_BYTES,
    room,
    ticket.token,
    kindCode('expired'),
    EXPIRED_END,
  ];
  // Nobody knows what a claim without an answer handed out.
  const once = !isNew || open.some(([lane]) => parseLane(lane).atMostOnce);
  const argumentsOf = (repeats: boolean): Argument[] => {
    const ago = repeats || !isNew ? Math.ceil(tickets.ageMs(ticket)) + ON_ITS_WAY_MS : 0;
    return [...fixed, ago, ...open.flat()];
  };
  const acting = shards.act('claim', shard, tenant, argumentsOf, once, shards.patience(shard));
  const unsure: { fault?: Unconfirmed } = {};
  const reply = await acting.catch((fault: unknown) => {
    if (!(fault instanceof Unconfirmed)) {
      tickets.keep(shard, tenant, claimer, ticket);
      throw fault;
    }
    unsure.fault = fault;
    return fault.value;
  });
  const [more, ids, heads, records, payloads] = reply as [number, Buffer, Buffer, Buffer[], (Buffer | null)[]];
  const apart = payloads.values();
  const tasks: ClaimedTask[] = [];
  const absent: ClaimedTask[] = [];
  let unreadable: Error | undefined;
  for (const [i, id] of idsOf(ids).entries()) {
    const { attempt, token, leaseEnd } = readClaimedHead(heads, i * CLAIMED_HEAD_BYTES);
    const bytes = records[i]!;
    const payload = holdsArguments(bytes) ? undefined : apart.next().value;
    try {
      const { spec, packed, lane, losses, retries, args = payload } = readRecord(shards.headers, tenant, id, bytes);
      const task: ClaimedTask = {
        fence: { id, attempt, token },
        spec,
        packed,
        lane,
        args: args ?? NOTHING,
        losses,
        retries,
        // A repeat hands out later than it was claimed.
        startWithinMs: hasBegun(bytes) ? undefined : startWithinMs(spec, leaseEnd - leaseMs),
      };
      tasks.push(task);
      if (args === undefined || args === null) absent.push(task);
    } catch (fault) {
      // Its lease runs out, and this is told when it comes by itself.
      unreadable = fault as Error;
    }
  }
  if (unreadable !== undefined && tasks.length === 0) throw unreadable;
  const unread = await readLarge(shards, shard, leaseMs, tenant, tasks, absent, before);
  void giveBack(shards, leaseMs, tenant, [...unread.keys()], 'the arguments could not be read');
  const whole = tasks.filter((task) => !unread.has(task));
  const [fault] = unread.values();
  if (whole.length === 0 && fault !== undefined) throw fault;
  if (unsure.fault === undefined) return { tasks: whole, more: more === 1 || fault !== undefined, owes: false };
  const sent = await withoutUnsure(shards, leaseMs, tenant, whole);
  if (sent.length === 0 && whole.length > 0) throw unsure.fault;
  return { tasks: sent, more: true, owes: false };
}

/** How much later than its repeat the first of two claims may have been done, ms: it stood in the server's queue. */
const ON_ITS_WAY_MS = 500;

/**
 * Too few replicas know of this claim: a failover might forget it, so an at-most-once task is not handed out, but given back,
 * which nobody but us may do, for we know that it went nowhere.
 */
async function withoutUnsure(
  shards: Shards,
  leaseMs: number,
  tenant: string,
  tasks: readonly ClaimedTask[],
): Promise<ClaimedTask[]> {
  const back = tasks.filter(({ spec }) => spec.at_most_once);
  const given = giveBack(shards, leaseMs, tenant, back, 'too few replicas confirmed the claim');
  // The others do not wait for a store that is not there.
  await Promise.race([given, pause(BACK_MS, undefined, { ref: false })]);
  return tasks.filter(({ spec }) => !spec.at_most_once);
}

/** How long a claim waits until what it cannot hand out is back, ms. */
const BACK_MS = 500;

/** Until it is done, or the lease is over. Never rejects. */
async function giveBack(
  shards: Shards,
  leaseMs: number,
  tenant: string,
  tasks: readonly ClaimedTask[],
  message: string,
): Promise<void> {
  if (tasks.length === 0) return;
  const releases = tasks.map(({ fence }) => ({ fence, reason: 'unclaimed_answer' as const, worker: '', message }));
  const until = performance.now() + leaseMs;
  do {
    try {
      await release(shards, tenant, releases);
      return;
    } catch {
      await pause(BACK_MS);
    }
  } while (performance.now() < until);
}

/**
 * With several shards, a look at the first waiting task of each decides where claiming begins. A shard that cannot be looked
 * at is left out.
 */
async function bestFirst(
  shards: Shards,
  tenant: string,
  lanes: readonly LaneQuota[],
  from: (shard: number) => boolean,
): Promise<number[]> {
  if (shards.count === 1) return [0];
  const open = shards.all().filter(from);
  const ready = open.filter((shard) => shards.servers.isReady(shard));
  const looked = ready.length > 0 ? ready : open;
  const looks = await Promise.allSettled(looked.map((shard) => bestBandOf(shards, shard, tenant, lanes)));
  const best = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
  const failed = looks.find((look) => look.status === 'rejected');
  if (best.length === 0 && failed !== undefined) throw failed.reason;
  return best
    .filter(({ band }) => band < Infinity)
    .sort((a, b) => a.band - b.band || a.tie - b.tie)
    .map(({ shard }) => shard);
}

async function bestBandOf(
  shards: Shards,
  shard: number,
  tenant: string,
  lanes: readonly LaneQuota[],
): Promise<{ shard: number; band: number; tie: number }> {
  const prefix = shards.prefix(shard, tenant);
  const firsts = await shards.read(
    shard,
    (redis) => Promise.all(lanes.map(({ lane }) => redis.zrange(`${prefix}q:${lane}`, '0', '0', 'WITHSCORES'))),
    shards.patience(shard),
  );
  const bands = firsts.map(([, score]) => (score === undefined ? Infinity : bandOf(Number(score))));
  return { shard, band: Math.min(...bands), tie: Math.random() };
}

/** Only priorities compare between shards: their sequences have nothing to do with each other. */
function bandOf(score: number): number {
  return Math.floor(score / 2 ** 43);
}
