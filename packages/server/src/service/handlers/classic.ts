// The classic API, exactly as existing clients know it.
import { CLASSIC_STATUS, TERMINAL_STATES } from '@mpcsfaas/contract';
import type { TaskState } from '@mpcsfaas/contract';
import { isWellFormedId } from '../../lifecycle/ids.ts';
import { argumentsOf } from '../../tasks/arguments.ts';
import { classicPickle } from '../../tasks/classic.ts';
import { noFunction } from '../../tasks/functions.ts';
import { Refusal } from '../../tasks/refusal.ts';
import type { Ask } from '../../tasks/submit.ts';
import { AnswerParts } from '../answer-parts.ts';
import { frontPageHtml } from '../front-page.ts';
import type { Call, Handlers, ServiceParts } from '../parts.ts';
import { payloadBytes } from '../payloads.ts';
import { requestKey } from '../request-key.ts';
import { acceptPaid, draftOf } from './tasks.ts';

type Operations =
  'frontPage' | 'registerClassic' | 'executeClassic' | 'classicStatus' | 'classicResult' | 'classicResultV1';

/** A label, of any length to whoever sends it; here it stands in the header of every task. UTF-16 units. */
const LABEL_LENGTH = 128;

export const classicHandlers: Handlers<Operations> = {
  async registerClassic({ body, tenant, reply }, { functions, config }) {
    const bytes = payloadBytes(body.payload, [], '/payload');
    const { fn } = await functions.register(tenant, {
      name: body.name.slice(0, LABEL_LENGTH).toWellFormed(),
      classic: true,
      runtime: 'python',
      code: { form: 'pickle', bytes },
      entry: '',
      python: '',
      description: '',
      pickler: '',
      sourceText: '',
      options: {},
    });
    reply.code(config.classicCreated ? 201 : 200);
    return { function_id: fn.id };
  },

  async executeClassic({ body, tenant, callerId, request, reply }, parts) {
    const { polls, config } = parts;
    const ref = body.function_id;
    if (!isWellFormedId(ref)) {
      throw new Refusal('invalid_id', `"${ref.slice(0, 64)}" is no function id: a UUID is wanted.`);
    }
    const read = (): Ask[] => {
      const { argsAs, args } = argumentsOf({}, undefined, payloadBytes(body.payload, [], '/payload'), '', 'payload');
      return [{ ref, argsAs, args, options: {}, classic: true, pointer: '' }];
    };
    const key = requestKey(request, false);
    const draft = await draftOf({ refs: [ref], missing: noFunction, read, key }, tenant, parts);
    const { ids, replayed } = await acceptPaid(draft, callerId, parts);
    if (replayed) reply.header('idempotent-replayed', 'true');
    reply.code(config.classicCreated && !replayed ? 201 : 200);
    request.taskId = ids[0]!;
    if (!replayed) polls.saysOpen(request.taskId);
    return { task_id: request.taskId };
  },

  async classicStatus({ params, tenant, signal }, parts) {
    const id = parts.reader.id(params.task_id);
    const state = await stateOf(id, tenant, signal, parts);
    return { task_id: id, status: classicStatus(state, parts.config.classicComplete) };
  },

  classicResult: readResult,
  classicResultV1: readResult,

  async frontPage({ request, reply }, { store, version }) {
    const { ok, detail, version: storeVersion } = await store.health();
    const body = {
      message: 'MPCSFaaS is running',
      version,
      store: { ok, version: storeVersion, detail },
      docs: '/docs',
      openapi: '/openapi.json',
    };
    if (!wantsHtml(request.headers.accept)) return body;
    return reply.type('text/html; charset=utf-8').send(frontPageHtml(body));
  },
};

async function stateOf(
  id: string,
  tenant: string,
  signal: () => AbortSignal,
  { reader, results, polls }: ServiceParts,
): Promise<TaskState> {
  const holdMs = polls.holdMs(id);
  const progress = holdMs > 0 ? await results.one(tenant, id, holdMs, signal) : undefined;
  if (progress?.is === 'ended') return progress.end.state;
  const state = progress?.state ?? (await reader.state(tenant, id));
  if (!TERMINAL_STATES.some((terminal) => terminal === state)) polls.saysOpen(id);
  return state;
}

async function readResult(
  { params, tenant, reply, signal }: Pick<Call<'classicResult'>, 'params' | 'tenant' | 'reply' | 'signal'>,
  { reader, results, polls, config }: ServiceParts,
): Promise<unknown> {
  const id = reader.id(params.task_id);
  const progress = await results.one(tenant, id, polls.holdMs(id), signal);
  if (progress.is === 'open') {
    polls.saysOpen(id);
    return { task_id: id, status: classicStatus(progress.state, config.classicComplete), result: '' };
  }
  const status = classicStatus(progress.end.state, config.classicComplete);
  return new AnswerParts()
    .text(`{"task_id":"${id}","status":"${status}","result":"`)
    .mime(classicPickle(progress.end))
    .text('"}')
    .send(reply.header('content-type', 'application/json; charset=utf-8'));
}

function classicStatus(state: TaskState, complete: boolean): string {
  const status = CLASSIC_STATUS[state];
  return complete && status === 'COMPLETED' ? 'COMPLETE' : status;
}

/** Browsers name text/html first; programs name JSON or anything. */
function wantsHtml(accept: string | undefined): boolean {
  return accept?.split(',')[0]?.trim().startsWith('text/html') ?? false;
}
