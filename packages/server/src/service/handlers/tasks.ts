// /v1/tasks: submit, list, look at, result, cancel, retry, pin.
import type { BodyOf, Frame, TaskOptions } from '@mpcsfaas/contract';
import type { FastifyReply } from 'fastify';
import type { CancelAnswer, TaskFilter, TaskRecord } from '../../store/index.ts';
import { argumentsOf } from '../../tasks/arguments.ts';
import { cursorOf } from '../../tasks/cursor.ts';
import { describeTask } from '../../tasks/describe.ts';
import { noFunction } from '../../tasks/functions.ts';
import { momentOf } from '../../tasks/moments.ts';
import { Refusal } from '../../tasks/refusal.ts';
import type { Ask, Draft, RequestKey, Submitted, Wish } from '../../tasks/submit.ts';
import { wantsFrames, waitOf } from '../negotiate.ts';
import type { Call, Handlers, ServiceParts } from '../parts.ts';
import { payloadBytes } from '../payloads.ts';
import { requestKey } from '../request-key.ts';
import { ResultWriter } from '../result-writer.ts';

type Operations =
  | 'submitTask'
  | 'submitBatch'
  | 'listTasks'
  | 'getTask'
  | 'getResult'
  | 'cancelTask'
  | 'cancelTasks'
  | 'retryTask'
  | 'pinTask';

const PAGE = 100;
/** Between two portions others have their turn. */
const CANCELED_AT_ONCE = 256;

export const taskHandlers: Handlers<Operations> = {
  async submitTask(call, parts) {
    const { body, tenant, callerId, request, reply } = call;
    const read = () => [askOf(body.function, body, call, '')];
    const draft = await draftOf(
      { refs: [body.function], missing: noFunction, read, key: requestKey(request, false) },
      tenant,
      parts,
    );
    const { ids, replayed } = await acceptPaid(draft, callerId, parts);
    created(reply, replayed);
    request.taskId = ids[0]!;
    return { task_id: request.taskId };
  },

  async submitBatch(call, parts) {
    const { body, tenant, callerId, request, reply } = call;
    const refs = body.tasks.map((task) => task.function);
    const read = () => body.tasks.map((task, i) => askOf(task.function, task, call, `/tasks/${i}`));
    const draft = await draftOf({ refs, missing: noFunctionOf, read, key: requestKey(request, true) }, tenant, parts);
    const { ids, replayed } = await acceptPaid(draft, callerId, parts);
    created(reply, replayed);
    return { task_ids: ids };
  },

  async listTasks({ query, tenant }, parts) {
    const filter: TaskFilter = {};
    if (query.status !== undefined) filter.states = query.status;
    if (query.function !== undefined) filter.functionId = (await parts.functions.find(tenant, query.function)).id;
    if (query.group !== undefined) filter.group = query.group;
    if (query.tag !== undefined) filter.tag = query.tag;
    if (query.since !== undefined) filter.since = momentOf(query.since, '/since');
    if (query.until !== undefined) filter.until = momentOf(query.until, '/until');
    const cursor = cursorOf('tasks', query.cursor);
    const { ids, nextCursor } = await parts.store.list(tenant, filter, query.limit ?? PAGE, cursor);
    const records = (await parts.store.tasks(tenant, ids)).filter((record) => record !== undefined);
    return { items: await describeAll(records, tenant, parts), next_cursor: nextCursor };
  },

  getTask: ({ params, tenant }, parts) => tell(params.task_id, tenant, parts),

  async getResult({ params, query, tenant, request, reply, signal }, parts) {
    const id = parts.reader.id(params.task_id);
    const progress = await parts.results.one(tenant, id, waitOf(query.wait_ms, 0), signal);
    if (progress.is === 'open') {
      reply.code(202);
      return tell(id, tenant, parts);
    }
    return new ResultWriter(wantsFrames(request)).result(progress.end, query.as, false).send(reply);
  },

  async cancelTask({ params, tenant }, parts) {
    const id = parts.reader.id(params.task_id);
    const [answer] = await parts.store.cancel(tenant, [id]);
    if (answer === undefined || answer.is === 'unknown') return parts.reader.refuse(id);
    if (answer.is === 'ended' && !isCanceled(answer)) {
      throw new Refusal('task_ended', `Task ${id} has ended before: it is ${answer.state}.`, {
        task_id: id,
        task_status: answer.state,
      });
    }
    return tell(id, tenant, parts);
  },

  async cancelTasks({ body, tenant }, { store }) {
    const ids = [...new Set(body.task_ids.map((id) => id.toLowerCase()))];
    const answer = {
      canceled: [] as string[],
      running: [] as string[],
      ended: [] as string[],
      unknown: [] as string[],
    };
    for (let from = 0; from < ids.length; from += CANCELED_AT_ONCE) {
      const some = ids.slice(from, from + CANCELED_AT_ONCE);
      const states = body.only_waiting === true ? await store.states(tenant, some) : [];
      const wanted = some.filter((_, i) => states[i] !== 'RUNNING');
      answer.running.push(...some.filter((_, i) => states[i] === 'RUNNING'));
      const told = await store.cancel(tenant, wanted);
      told.forEach((one, i) => answer[isCanceled(one) ? 'canceled' : one.is].push(wanted[i]!));
    }
    return answer;
  },

  async retryTask({ params, tenant, callerId, reply }, parts) {
    const id = parts.reader.id(params.task_id);
    const record = await parts.reader.record(tenant, id);
    if (record.endedAt === 0) {
      throw new Refusal(
        'task_not_ended',
        `Task ${id} has not ended: it is ${record.state}. Cancel it first, or wait.`,
        {
          task_id: id,
          task_status: record.state,
        },
      );
    }
    const args = (await parts.store.args(tenant, id)) ?? parts.reader.refuse(id);
    const { task_id } = await parts.rateLimit.paid(callerId, {
      tasks: 1,
      before: async () => 0,
      submit: async () => ({ task_id: await parts.submitter.again(record.spec, args), fresh: 1 }),
    });
    reply.code(201);
    return { task_id };
  },

  async pinTask({ params, body, tenant }, parts) {
    const id = parts.reader.id(params.task_id);
    // An empty body pins.
    const { pinned = true } = (body as BodyOf<'pinTask'> | undefined) ?? {};
    if (!(await parts.store.pin(tenant, id, pinned))) return parts.reader.refuse(id);
    return tell(id, tenant, parts);
  },
};

/** The task's body, with why it waits. */
export async function tell(taskId: string, tenant: string, parts: ServiceParts): Promise<unknown> {
  const record = await parts.reader.record(tenant, parts.reader.id(taskId));
  return (await describeAll([record], tenant, parts))[0];
}

async function describeAll(
  records: readonly TaskRecord[],
  tenant: string,
  { store }: ServiceParts,
): Promise<unknown[]> {
  const someWait = records.some(({ state }) => state === 'QUEUED');
  const around = someWait ? { fleet: await store.fleet(), lanes: await store.lanes(tenant) } : { fleet: [], lanes: [] };
  return records.map((record) => describeTask(record, around));
}

function created(reply: FastifyReply, replayed: boolean): void {
  reply.code(replayed ? 200 : 201);
  if (replayed) reply.header('idempotent-replayed', 'true');
}

interface AskedCall {
  args?: unknown[];
  kwargs?: Record<string, unknown>;
  args_pickle?: string | Frame;
  options?: TaskOptions;
}

/** One call as it was asked for. `came`: what came with the body, its raw frames and the arguments' own texts. */
export function askOf(
  ref: string,
  asked: AskedCall,
  came: Pick<Call<'submitTask'>, 'frames' | 'texts'>,
  pointer: string,
): Ask {
  const { args_pickle } = asked;
  const pickle =
    args_pickle === undefined ? undefined : payloadBytes(args_pickle, came.frames, `${pointer}/args_pickle`);
  const { argsAs, args } = argumentsOf(asked, came.texts.get(pointer), pickle, pointer);
  return { ref, argsAs, args, options: asked.options ?? {}, classic: false, pointer };
}

/** One request's calls: their functions, and the calls themselves, read when the functions were looked up. */
interface Asked {
  refs: readonly string[];
  /** The refusal of the i-th, whose function is missing. */
  missing: (ref: string, i: number) => Refusal;
  read: () => readonly Ask[];
  key: RequestKey | undefined;
}

/**
 * Finds the functions, each one once. Where one is missing the request is refused, unless all of it came before under its
 * key: what was answered once is answered again, also after the function was deleted.
 */
export async function draftOf(
  { refs, missing, read, key }: Asked,
  tenant: string,
  parts: ServiceParts,
): Promise<Draft> {
  const { functions, submitter } = parts;
  const found = new Map<string, Wish['fn']>();
  for (const [i, ref] of refs.entries()) {
    if (found.has(ref)) continue;
    const fn = await functions.look(tenant, ref);
    if (fn === undefined) {
      const before = key === undefined ? undefined : await submitter.before(tenant, read(), key);
      if (before !== undefined) return before;
      throw missing(ref, i);
    }
    found.set(ref, fn);
  }
  const wishes = read().map((ask) => ({ ...ask, fn: found.get(ask.ref)! }));
  return submitter.draft(tenant, wishes, key);
}

/** Queues a draft's tasks: its caller pays for those that are new. */
export function acceptPaid(
  draft: Draft,
  callerId: string,
  { rateLimit, submitter }: Pick<ServiceParts, 'rateLimit' | 'submitter'>,
): Promise<Submitted> {
  return rateLimit.paid(callerId, {
    tasks: draft.ids.length,
    before: () => submitter.cameBefore(draft),
    submit: () => submitter.accept(draft),
  });
}

function noFunctionOf(ref: string, i: number): Refusal {
  return new Refusal('function_not_found', `There is no function "${ref}", which task ${i} of the batch names.`, {
    errors: [{ pointer: `/tasks/${i}/function`, message: 'there is no such function' }],
  });
}

/** Now or before: whoever asks again did not hear the first answer. */
function isCanceled(answer: CancelAnswer): boolean {
  return answer.is === 'canceled' || (answer.is === 'ended' && answer.state === 'CANCELED');
}
