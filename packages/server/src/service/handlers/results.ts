// /v1/results and /v1/call.
import { MAX_WAIT_MS } from '@mpcsfaas/contract';
import type { ErrorCode, FailureKind, WaitReason } from '@mpcsfaas/contract';
import type { FastifyReply } from 'fastify';
import type { EndedTask } from '../../store/index.ts';
import { describeError } from '../../tasks/describe.ts';
import { noFunction } from '../../tasks/functions.ts';
import { Refusal } from '../../tasks/refusal.ts';
import { whyItWaits } from '../../tasks/waits-why.ts';
import { asText } from '../answer-parts.ts';
import { wantsFrames, waitOf } from '../negotiate.ts';
import type { Call, Handlers, ServiceParts } from '../parts.ts';
import { requestKey } from '../request-key.ts';
import { ResultWriter } from '../result-writer.ts';
import { acceptPaid, askOf, draftOf, tell } from './tasks.ts';

export const resultHandlers: Handlers<'readResults' | 'callFunction'> = {
  async readResults({ body, tenant, request, reply, signal }, { results }) {
    const ids = [...new Set(body.task_ids.map((id) => id.toLowerCase()))];
    const asked = { ids, ms: waitOf(body.wait_ms, 0), waitFor: body.wait_for ?? 'any', signal } as const;
    const { ended, pending, unknown } = await results.many(tenant, asked);
    const writer = new ResultWriter(wantsFrames(request)).text('{"results":[');
    ended.forEach((end, i) => (i === 0 ? writer : writer.text(',')).result(end, body.as, true));
    return writer.text(`],"pending":${JSON.stringify(pending)},"unknown":${JSON.stringify(unknown)}}`).send(reply);
  },

  async callFunction(call, parts) {
    const { params, query, tenant, callerId, request, reply, signal } = call;
    const read = () => [askOf(params.ref, call.body, call, '')];
    const key = requestKey(request, false);
    const draft = await draftOf({ refs: [params.ref], missing: noFunction, read, key }, tenant, parts);
    let id = draft.ids[0]!;
    const submit = async () => {
      const { ids, replayed } = await acceptPaid(draft, callerId, parts);
      id = ids[0]!;
      request.taskId = id;
      reply.header('x-task-id', id);
      if (replayed) reply.header('idempotent-replayed', 'true');
      return { id, fresh: !replayed };
    };
    const progress = await parts.results.submitted(tenant, id, submit, waitOf(query.wait_ms, MAX_WAIT_MS), signal);
    if (progress.is === 'ended') return valueOf(progress.end, call, reply);
    // The connection and not the request: a request is destroyed as soon as its body has been read.
    if (query.cancel_on_disconnect === true && request.raw.socket.destroyed) await parts.store.cancel(tenant, [id]);
    return notYet(id, call, parts);
  },
};

/** The end of a call whose answer is its value. */
const CALL_FAULTS: Record<FailureKind, ErrorCode> = {
  raised: 'task_failed',
  timed_out: 'task_timed_out',
  memory_exceeded: 'task_failed',
  load_failed: 'task_failed',
  result_not_serializable: 'task_failed',
  result_not_json: 'task_failed',
  result_too_large: 'task_failed',
  version_mismatch: 'task_failed',
  lost: 'task_lost',
  expired: 'task_timed_out',
  canceled: 'task_canceled',
};

function valueOf(end: EndedTask, { request }: Call<'callFunction'>, reply: FastifyReply): unknown {
  const error = describeError(end);
  if (error !== null) {
    throw new Refusal(CALL_FAULTS[error.kind], `${error.type}: ${error.message}`, {
      task_id: end.id,
      task_status: end.state,
      task_error: error,
    });
  }
  if (wantsFrames(request)) return new ResultWriter(true).result(end, undefined, false).send(reply);
  const { json, pickle } = end.result;
  if (json !== undefined) return reply.header('content-type', 'application/json; charset=utf-8').send(asText(json));
  return reply.header('content-type', 'application/octet-stream').send(pickle ?? Buffer.alloc(0));
}

/** What nobody can run. */
const NOBODY: readonly WaitReason[] = ['no_worker', 'no_worker_with_runtime'];

/** The time is up: 202 with the task, or 503 where nobody is there who could run it. */
async function notYet(id: string, { tenant, reply }: Call<'callFunction'>, parts: ServiceParts): Promise<unknown> {
  const record = await parts.reader.record(tenant, id);
  const waits = whyItWaits(record, { fleet: await parts.store.fleet(), lanes: [] });
  if (waits !== null && NOBODY.includes(waits.reason)) {
    throw new Refusal(
      'no_worker',
      `${waits.detail} Task ${id} stays in the queue; cancel it if you no longer want it.`,
      { task_id: id, task_status: record.state },
    );
  }
  reply.code(202);
  return tell(id, tenant, parts);
}
