// Submit: from a wish to a queued task. What arrives in one turn of the event loop goes to each shard in one store call.
import { BoundedMap } from '../bounded-map.ts';
import { LIMITS } from '@mpcsfaas/contract/words';
import type { ArgsEncoding, ResultForm, TaskOptions } from '@mpcsfaas/contract';
import type { Clock } from '../clock.ts';
import { newId, newIds } from '../lifecycle/ids.ts';
import { laneOf } from '../lifecycle/lane.ts';
import { headerOf, packTaskHeader, specOf } from '../lifecycle/spec.ts';
import type { TaskHeader, TaskSpec } from '../lifecycle/spec.ts';
import { StoreUnavailable } from '../store/index.ts';
import type { FunctionRecord, QueueLimits, Store, Submission, SubmitAnswer } from '../store/index.ts';
import { contentDigest, shardOfKey } from './idempotency.ts';
import { resolveOptions } from './options.ts';
import type { ServiceDefaults } from './options.ts';
import { Refusal } from './refusal.ts';
import { TurnBatches } from './turn.ts';

/** One task as it was asked for, its function found. */
export interface Wish extends Ask {
  fn: FunctionRecord;
}

/** One task as it was asked for. */
export interface Ask {
  /** The function as the caller named it. */
  ref: string;
  argsAs: ArgsEncoding;
  args: Buffer;
  options: TaskOptions;
  classic: boolean;
  /** Where it stands in the body, for faults: '' or '/tasks/17'. */
  pointer: string;
}

export interface SubmitSettings extends ServiceDefaults {
  maxArgsBytes: number;
  maxResultBytes: number;
  queue: QueueLimits;
}

export interface Submitted {
  ids: string[];
  /** All of them came before under the same key. */
  replayed: boolean;
  /** How many did not. */
  fresh: number;
}

/** One request's tasks between their checks and their acceptance. */
export interface Draft {
  /** The ids they will have if they are new. */
  ids: readonly string[];
  /** They are known to have come before: nothing is left to be written. */
  replayed: boolean;
  /** Shard and tenant. */
  place: string;
  wishes: readonly Wish[];
  submissions: readonly Submission[];
}

interface Prepared {
  header: TaskHeader;
  packed: Buffer;
  lane: string;
}

/** Few and small enough for one look of any store. */
const ASKED_AT_ONCE = 100;

/** Headers remembered; the first ones made go first. */
const MOST_HEADERS = 512;

export class Submitter {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #settings: SubmitSettings;
  readonly #turns: TurnBatches<readonly Submission[], Settled>;
  readonly #headers = new BoundedMap<string, Prepared>(MOST_HEADERS);
  /** The last one asked for: most tasks of a batch have the same, and the key is a long string to hash. */
  #last: { tenant: string; functionId: string; about: string; prepared: Prepared } | undefined;
  #nextShard = 0;

  constructor(store: Store, clock: Clock, settings: SubmitSettings) {
    this.#store = store;
    this.#clock = clock;
    this.#settings = settings;
    this.#turns = new TurnBatches((key, requests) => this.#flush(key, requests));
  }

  /**
   * The tasks of one request, all for one shard, checked and with the ids they will have if they are new. Refuses the
   * whole request where a task cannot be; nothing is written yet.
   */
  draft(tenant: string, wishes: readonly Wish[], key?: RequestKey): Draft {
    const shard = key === undefined ? this.#anyShard() : shardOfKey(tenant, key.name, this.#store.shards);
    const now = Math.trunc(this.#clock.wall());
    const ids = newIds(now, shard, wishes.length);
    const submissions = wishes.map((wish, i) => this.#submission(tenant, ids[i]!, wish, key && itemKey(key, i)));
    return { ids, replayed: false, place: `${shard} ${tenant}`, wishes, submissions };
  }

  /**
   * The draft of a request that came before under its key, whole: its function may be gone since. Undefined where a task
   * of it is new; refuses other content under the key. Tasks that came before take no room in the queue, so where there
   * is none for new ones, the store tells the former and accepts none of the latter.
   */
  async before(tenant: string, asks: readonly Ask[], key: RequestKey): Promise<Draft | undefined> {
    const shard = shardOfKey(tenant, key.name, this.#store.shards);
    const ids: string[] = [];
    for (let from = 0; from < asks.length; from += ASKED_AT_ONCE) {
      const some = asks.slice(from, from + ASKED_AT_ONCE);
      const now = Math.trunc(this.#clock.wall());
      const probes = some.map((ask, i) => probe(tenant, newId(now, shard), ask, itemKey(key, from + i)));
      const answers = await this.#store.submit(tenant, shard, probes, { maxTasks: 0, maxBytes: 0 });
      if (answers.some(({ is }) => is === 'queue_full')) return undefined;
      ids.push(...this.#outcome(answers, some).ids);
    }
    return { ids, replayed: true, place: '', wishes: [], submissions: [] };
  }

  /** How many of a draft's tasks came before under its key, with whatever content. */
  async cameBefore({ ids, replayed, place, submissions }: Draft): Promise<number> {
    if (replayed) return ids.length;
    const keys = submissions.flatMap(({ key }) => (key === undefined ? [] : [key.name]));
    if (keys.length === 0) return 0;
    const { shard, tenant } = placeOf(place);
    return this.#store.cameBefore(tenant, shard, keys);
  }

  /** Queues a draft's tasks. Rejects with StoreUnavailable, whose `accepted` names the tasks that made it. */
  async accept({ ids, replayed, place, wishes, submissions }: Draft): Promise<Submitted> {
    if (replayed) return { ids: [...ids], replayed, fresh: 0 };
    const settled = await this.#turns.add(place, submissions);
    if (settled.is === 'failed') throw settled.fault;
    return this.#outcome(settled.answers, wishes);
  }

  /** A new task with the same spec and arguments. Moments that lie ahead still hold. */
  async again(spec: TaskSpec, args: Buffer): Promise<string> {
    const now = Math.trunc(this.#clock.wall());
    const shard = this.#anyShard();
    // By the store's time, which will judge them (S9). One that has passed would end the new task before it starts.
    const stored = await this.#store.now();
    const ahead = (moment: number): number => (moment > stored ? moment : 0);
    const header: TaskHeader = {
      ...headerOf(spec),
      not_before: ahead(spec.not_before),
      expires_at: ahead(spec.expires_at),
    };
    const fresh = specOf(newId(now, shard), header);
    const submission = { spec: fresh, packed: packTaskHeader(header), lane: laneOf(header), args };
    const settled = await this.#turns.add(`${shard} ${spec.tenant}`, [submission]);
    if (settled.is === 'failed') throw settled.fault;
    return this.#outcome(settled.answers, []).ids[0]!;
  }

  /** In turn; one that is away is left out as long as there are others. */
  #anyShard(): number {
    const { shards } = this.#store;
    for (let tried = 0; tried < shards; tried += 1) {
      this.#nextShard = (this.#nextShard + 1) % shards;
      if (this.#store.isReady(this.#nextShard)) break;
    }
    return this.#nextShard;
  }

  #submission(tenant: string, id: string, wish: Wish, keyName: string | undefined): Submission {
    const { args } = wish;
    this.#check(wish);
    const { header, packed, lane } = this.#prepared(tenant, wish);
    const submission: Submission = { spec: specOf(id, header), packed, lane, args };
    if (keyName !== undefined) {
      submission.key = keyOf(wish, keyName);
    }
    return submission;
  }

  /** The header that a wish comes to. Most wishes are like one before: theirs is made once. */
  #prepared(tenant: string, wish: Wish): Prepared {
    const { fn, argsAs, classic, options } = wish;
    // A function's id names one version, which never changes.
    const about = `${argsAs} ${classic} ${JSON.stringify(options)}`;
    const last = this.#last;
    if (last?.about === about && last.functionId === fn.id && last.tenant === tenant) return last.prepared;
    const key = `${tenant} ${fn.id} ${about}`;
    let prepared = this.#headers.get(key);
    if (prepared === undefined) {
      const header = this.#header(tenant, wish);
      prepared = { header, packed: packTaskHeader(header), lane: laneOf(header) };
      this.#headers.set(key, prepared);
    }
    this.#last = { tenant, functionId: fn.id, about, prepared };
    return prepared;
  }

  #header(tenant: string, wish: Wish): TaskHeader {
    const { fn, argsAs } = wish;
    return {
      tenant,
      function_id: fn.id,
      function_name: fn.name,
      function_version: fn.version,
      runtime: fn.runtime,
      digest: fn.digest,
      form: fn.form,
      entry: fn.entry,
      python: fn.form === 'pickle' ? minorOf(fn.python) : '',
      args_as: argsAs,
      result_as: resultForm(wish),
      max_result_bytes: this.#settings.maxResultBytes,
      classic: wish.classic,
      ...resolveOptions(wish.options, fn.defaults, this.#settings, wish.pointer),
    };
  }

  #check({ fn, args, argsAs, classic, pointer }: Wish): void {
    const { maxArgsBytes } = this.#settings;
    const field = classic ? 'payload' : argsAs === 'pickle' ? 'args_pickle' : 'args';
    if (args.length > maxArgsBytes) {
      throw new Refusal(
        'args_too_large',
        `The arguments have ${args.length} bytes; the limit is ${maxArgsBytes}. Start the service with a larger ${LIMITS.max_args_bytes.option}.`,
        { limit: maxArgsBytes, option: LIMITS.max_args_bytes.option, ...at(pointer, field, 'is too large') },
      );
    }
    if (fn.runtime === 'javascript' && argsAs === 'pickle') {
      throw new Refusal(
        'pickle_for_javascript',
        `"${fn.name}" is a JavaScript function: it takes JSON. Send \`args\` and \`kwargs\` to /v1/tasks.`,
        at(pointer, field, 'is a pickle for a JavaScript function'),
      );
    }
  }

  async #flush(key: string, requests: readonly (readonly Submission[])[]): Promise<Settled[]> {
    const { shard, tenant } = placeOf(key);
    const all = requests.length === 1 ? requests[0]! : requests.flat();
    try {
      const answers = await this.#store.submit(tenant, shard, all, this.#settings.queue);
      // The store refuses a call as a whole; here a call is the requests of a turn, so each is asked for by itself.
      if (requests.length > 1 && answers.some(({ is }) => is === 'queue_full' || is === 'conflict')) {
        return await Promise.all(requests.map(async (request) => (await this.#flush(key, [request]))[0]!));
      }
      return share(requests, (from, to) => ({ is: 'answered', answers: answers.slice(from, to) }));
    } catch (fault) {
      const accepted = fault instanceof StoreUnavailable ? fault.accepted : [];
      return share(requests, (from, to) => cutShort(fault, all.slice(from, to), accepted, from));
    }
  }

  #outcome(answers: readonly SubmitAnswer[], wishes: readonly Ask[]): Submitted {
    let replays = 0;
    const accepted = answers.flatMap(({ is }, i) => (is === 'accepted' ? [i] : []));
    const ids = answers.map((answer, i) => {
      switch (answer.is) {
        case 'accepted':
          return answer.id;
        case 'replayed':
          replays++;
          return answer.id;
        case 'conflict':
          throw new Refusal(
            'idempotency_key_reused',
            `This Idempotency-Key came before with other content, as task ${answer.id}. Use a new key for a new request.${accepted.length === 0 ? '' : ' The tasks at the indexes in `accepted` were accepted.'}`,
            {
              task_id: answer.id,
              ...(accepted.length > 0 && { accepted }),
              ...at(wishes[i]?.pointer ?? '', '', 'differs from what came under this key'),
            },
          );
        case 'queue_full':
          throw this.#full(answer.limit, answer.alone);
        case 'refused':
          // Another one is in conflict: the refusal of that one is thrown.
          return '';
      }
    });
    return { ids, replayed: replays === ids.length, fresh: ids.length - replays };
  }

  /** `alone`: to wait would not help, so nothing says that it might. */
  #full(limit: 'max_queued_tasks' | 'max_queued_bytes', alone: boolean): Refusal {
    const { option } = LIMITS[limit];
    const bound = limit === 'max_queued_tasks' ? this.#settings.queue.maxTasks : this.#settings.queue.maxBytes;
    const what = limit === 'max_queued_tasks' ? `${bound} tasks` : `${bound} bytes of arguments`;
    const members = { limit: bound, option };
    // Each shard looks at what it holds itself.
    const isOne = this.#store.shards === 1;
    return alone
      ? new Refusal(
          'exceeds_queue',
          `The request alone is more than ${isOne ? 'the queue' : 'a shard of the queue'} may hold, which is ${what}: send less at once, or start the service with a larger ${option}.`,
          members,
        )
      : new Refusal(
          'queue_full',
          `With this request ${isOne ? 'the queue' : 'its shard of the queue'} would hold more than ${what}, its limit. Try again when workers have caught up, or start the service with a larger ${option}.`,
          members,
        );
  }
}

/** Of a draft's place. */
function placeOf(place: string): { shard: number; tenant: string } {
  const space = place.indexOf(' ');
  return { shard: Number(place.slice(0, space)), tenant: place.slice(space + 1) };
}

/** The request's idempotency key; `each`: task i of a batch has `name/i`. */
export interface RequestKey {
  name: string;
  each: boolean;
}

function keyOf({ ref, options, argsAs, args }: Ask, name: string): { name: string; content: string } {
  return { name, content: contentDigest(ref, options, argsAs, args) };
}

/** A task that carries its key and nothing else: it is never accepted. */
function probe(tenant: string, id: string, ask: Ask, keyName: string): Submission {
  const header: TaskHeader = {
    tenant,
    function_id: '',
    function_name: '',
    function_version: 0,
    runtime: 'python',
    digest: '',
    form: 'source',
    entry: '',
    python: '',
    args_as: ask.argsAs,
    result_as: ask.argsAs,
    max_result_bytes: 0,
    classic: ask.classic,
    ...resolveOptions({}, {}, { timeoutMs: 0, resultTtlMs: 0 }, ''),
  };
  const key = keyOf(ask, keyName);
  return { spec: specOf(id, header), packed: packTaskHeader(header), lane: laneOf(header), args: NO_BYTES, key };
}

const NO_BYTES = Buffer.alloc(0);

function itemKey(key: RequestKey, i: number): string {
  return key.each ? `${key.name}/${i}` : key.name;
}

/** What came of one request of a turn. */
type Settled = { is: 'answered'; answers: readonly SubmitAnswer[] } | { is: 'failed'; fault: unknown };

function share(requests: readonly (readonly Submission[])[], part: (from: number, to: number) => Settled): Settled[] {
  let from = 0;
  return requests.map((request) => {
    const to = from + request.length;
    const settled = part(from, to);
    from = to;
    return settled;
  });
}

/** A fault midway: a request that was accepted whole is answered; another is told which of its tasks were. */
function cutShort(fault: unknown, own: readonly Submission[], accepted: readonly number[], from: number): Settled {
  const mine = accepted.filter((index) => index >= from && index < from + own.length).map((index) => index - from);
  if (accepted.length === 0) return { is: 'failed', fault };
  // Without a key every accepted task is new: its id is the one it was sent with.
  if (mine.length === own.length && own.every(({ key }) => key === undefined)) {
    return {
      is: 'answered',
      answers: own.map(({ spec }) => ({ is: 'accepted', id: spec.id, submittedAt: spec.submitted_at })),
    };
  }
  const partly = new StoreUnavailable(fault instanceof Error ? fault.message : String(fault), { cause: fault });
  partly.accepted = mine;
  return { is: 'failed', fault: partly };
}

function resultForm({ fn, options, argsAs, classic, pointer }: Wish): ResultForm {
  const asked = options.result_as ?? fn.defaults.result_as;
  if (fn.runtime === 'javascript') {
    if (options.result_as === 'pickle' || options.result_as === 'both') {
      throw new Refusal(
        'pickle_for_javascript',
        `"${fn.name}" is a JavaScript function: it gives JSON. Leave \`result_as\` out, or say "json".`,
        at(pointer, 'options/result_as', 'must be json for a JavaScript function'),
      );
    }
    return 'json';
  }
  if (classic) return asked === 'json' ? 'both' : (asked ?? 'pickle');
  return asked ?? argsAs;
}

/** '3.11.7' → '3.11'. */
function minorOf(python: string): string {
  return python.split('.').slice(0, 2).join('.');
}

function at(pointer: string, field: string, message: string): { errors?: { pointer: string; message: string }[] } {
  const whole = field === '' ? pointer : `${pointer}/${field}`;
  return pointer === '' && field === '' ? {} : { errors: [{ pointer: whole, message }] };
}
