// /v1/workers, /v1/stats, /v1/version: what runs here.
import { Type } from '../type.ts';
import { Nullable, Time } from '../fields.ts';
import { RUNTIMES } from '../vocabulary.ts';
import { route } from '../route.ts';

const MODES = ['local', 'pull', 'push'] as const;

const Worker = Type.Object(
  {
    worker_id: Type.String(),
    dispatcher_id: Type.String(),
    mode: Type.Enum([...MODES]),
    host: Type.String(),
    pid: Type.Integer(),
    version: Type.String(),
    state: Type.Enum(['ready', 'draining', 'lost']),
    slots: Type.Integer(),
    busy: Type.Integer(),
    waiting: Type.Integer({ description: 'Calls it holds and has not started' }),
    credits: Type.Integer({ description: 'How many more calls it would take' }),
    runtimes: Type.Array(
      Type.Object({
        runtime: Type.Enum([...RUNTIMES]),
        version: Type.String(),
        broken: Nullable(Type.String(), 'Why it is out of order; null = it works'),
        pickles: Nullable(Type.String(), 'Why functions that came as pickles do not run; null = they do'),
        dill: Nullable(Type.String(), 'Python: the version of dill that reads them; null where it is not known'),
      }),
    ),
    labels: Type.Array(Type.String()),
    registered_at: Time,
    seen_at: Time,
  },
  { title: 'Worker' },
);

const Dispatcher = Type.Object(
  {
    dispatcher_id: Type.String(),
    mode: Type.Enum([...MODES]),
    host: Type.String(),
    pid: Type.Integer(),
    version: Type.String(),
    address: Type.String({ description: "Where workers connect; '' for local" }),
    troubles: Type.Array(Type.String(), { description: 'Which of its loops do not come round; empty = all do' }),
    started_at: Time,
    seen_at: Time,
  },
  { title: 'Dispatcher' },
);

export const listWorkers = route({
  method: 'GET',
  path: '/v1/workers',
  tag: 'fleet',
  summary: 'List workers and dispatchers',
  description: 'As the dispatchers last told it.',
  answers: {
    200: {
      description: 'The fleet',
      body: Type.Object({ items: Type.Array(Worker), dispatchers: Type.Array(Dispatcher) }, { title: 'Fleet' }),
    },
  },
  errors: [],
  examples: [{ name: 'nobody yet', status: 200, answer: { items: [], dispatchers: [] } }],
});

const Counts = Type.Record(Type.String(), Type.Integer());

export const getStats = route({
  method: 'GET',
  path: '/v1/stats',
  tag: 'fleet',
  summary: 'Count tasks',
  description: 'Counters since the store was made, and what is in the queue now.',
  answers: {
    200: {
      description: 'The counts',
      body: Type.Object(
        {
          submitted: Type.Integer(),
          ended: Counts,
          requeued: Counts,
          states: Counts,
          queued_bytes: Type.Integer(),
          lanes: Type.Array(
            Type.Object({
              lane: Type.String(),
              waiting: Type.Integer(),
              oldest_at: Nullable(Time, 'null where empty'),
            }),
          ),
          slots: Type.Integer(),
          busy: Type.Integer(),
          workers: Type.Integer(),
        },
        { title: 'Stats' },
      ),
    },
  },
  errors: [],
  examples: [
    {
      name: 'a quiet system',
      status: 200,
      answer: {
        submitted: 12,
        ended: { COMPLETED: 11, raised: 1 },
        requeued: {},
        states: { QUEUED: 0, DELAYED: 0, BLOCKED: 0, RUNNING: 0 },
        queued_bytes: 0,
        lanes: [],
        slots: 4,
        busy: 0,
        workers: 1,
      },
    },
  ],
});

export const getVersion = route({
  method: 'GET',
  path: '/v1/version',
  tag: 'fleet',
  summary: 'Which version runs',
  description: 'Of the service, its Node and its store.',
  open: true,
  answers: {
    200: {
      description: 'The versions',
      body: Type.Object(
        { name: Type.String(), version: Type.String(), api: Type.String(), node: Type.String(), store: Type.String() },
        { title: 'Version' },
      ),
    },
  },
  errors: [],
  examples: [
    {
      name: 'version',
      status: 200,
      answer: { name: 'mpcsfaas', version: '0.1.0', api: 'v1', node: '24.0.0', store: 'sqlite 3.50' },
    },
  ],
});
