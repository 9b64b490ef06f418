// What a handler works with: the parts of the service, and one request that passed its checks.
import type { BodyOf, OperationId, ParamsOf, QueryOf } from '@mpcsfaas/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiKeys } from '../auth/index.ts';
import type { Clock } from '../clock.ts';
import type { ServiceConfig } from '../config/service.ts';
import type { Store } from '../store/index.ts';
import type { ArgumentTexts } from '../tasks/argument-texts.ts';
import type { Feed } from '../tasks/feed.ts';
import type { Functions } from '../tasks/functions.ts';
import type { TaskReader } from '../tasks/reader.ts';
import type { RateLimit } from '../tasks/rate-limit.ts';
import type { Results } from '../tasks/results.ts';
import type { Submitter } from '../tasks/submit.ts';
import type { TightPolls } from '../tasks/tight-polls.ts';
import type { EndWaits } from '../tasks/wait.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { Wheel } from './python-wheel.ts';

export interface ServiceParts {
  store: Store;
  clock: Clock;
  config: ServiceConfig;
  version: string;
  functions: Functions;
  submitter: Submitter;
  rateLimit: RateLimit;
  reader: TaskReader;
  results: Results;
  polls: TightPolls;
  waits: EndWaits;
  feed: Feed;
  keys: ApiKeys;
  metrics: Metrics;
  /** The Python SDK's wheel, made when it is first asked for; undefined where there is none to make. */
  pythonWheel: () => Wheel | undefined;
  /** Sentences of other loops in this process that do not come round. */
  watchers: () => readonly string[];
  /** Fires when this process has been told to end: no new tasks, while waits and reads go on. */
  leaving: AbortSignal;
  /** Fires when the service stops: waits and streams end. */
  stopping: AbortSignal;
}

export interface Call<Op extends OperationId> {
  params: ParamsOf<Op>;
  query: QueryOf<Op>;
  body: BodyOf<Op>;
  /** Raw frames of a body in the frames format. */
  frames: readonly Buffer[];
  /** The arguments as they were written, where a number of them might change when it is parsed. */
  texts: ArgumentTexts;
  tenant: string;
  /** Whose rate is limited: the key, or without keys everybody. */
  callerId: string;
  request: FastifyRequest;
  reply: FastifyReply;
  /** Fires when the caller goes away or the service stops; made when first asked for. */
  signal: () => AbortSignal;
}

/** A handler answers the body, or has sent it itself and answers the reply. */
export type Handler<Op extends OperationId> = (call: Call<Op>, parts: ServiceParts) => unknown;
export type Handlers<Ops extends OperationId = OperationId> = { readonly [Op in Ops]: Handler<Op> };
