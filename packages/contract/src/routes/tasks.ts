// /v1/tasks: submit, list, look at, read the result and the output, cancel, retry, pin.
import { Type } from '../type.ts';
import { FunctionRef, Id, Nullable, Payload, Time } from '../fields.ts';
import { LOG_STREAMS, TASK_STATES } from '../vocabulary.ts';
import { MAX_BATCH_TASKS, MAX_KEY_CHARS, MAX_PAGE, MAX_WAIT_MS } from '../limits.ts';
import { Task, TaskResult } from '../record.ts';
import { SAMPLE, SAMPLE_RESULT, SAMPLE_TASK } from '../samples.ts';
import { TaskOptions } from '../options.ts';
import { route } from '../route.ts';

/** How arguments arrive; shared with `/v1/call`. */
export const ARGUMENTS = {
  args: Type.Optional(Type.Array(Type.Unknown(), { description: 'Positional arguments as JSON' })),
  kwargs: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Keyword arguments as JSON' })),
  args_pickle: Type.Optional(Payload),
  options: Type.Optional(TaskOptions),
};

export const NewTask = Type.Object(
  { function: FunctionRef, ...ARGUMENTS },
  {
    title: 'NewTask',
    additionalProperties: false,
    description: 'Arguments are `args` and `kwargs`, or else `args_pickle`: the pickle of `((args…), {kwargs})`',
  },
);

export const WaitMs = Type.Integer({
  minimum: 0,
  description: `Wait up to so long for the end; more than ${MAX_WAIT_MS} counts as ${MAX_WAIT_MS}`,
});

export const KEY_HEADERS = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_KEY_CHARS,
      description: 'The same key and content again: the first ids, 200',
    }),
  ),
});

const REPLAYED = { 'Idempotent-Replayed': '`true`: these came under this key before' };

const TaskParams = Type.Object({ task_id: Id });

export const submitTask = route({
  method: 'POST',
  path: '/v1/tasks',
  tag: 'tasks',
  summary: 'Submit a task',
  description: 'Queues one call durably. What is answered is in the queue.',
  headers: KEY_HEADERS,
  body: NewTask,
  frames: 'in',
  answers: {
    200: {
      description: 'Came before under this key',
      body: Type.Object({ task_id: Id }, { title: 'Submitted' }),
      headers: REPLAYED,
    },
    201: { description: 'Queued', body: Type.Object({ task_id: Id }, { title: 'Submitted' }) },
  },
  errors: [
    'invalid_frames',
    'invalid_base64',
    'invalid_pickle',
    'pickle_for_javascript',
    'function_not_found',
    'args_too_large',
    'idempotency_key_reused',
    'exceeds_queue',
    'queue_full',
    'rate_limited',
    'shutting_down',
  ],
  examples: [
    {
      name: 'JSON arguments',
      body: { function: 'double', args: [21] },
      status: 201,
      answer: { task_id: SAMPLE.newTask },
    },
    {
      name: 'with options and a key',
      headers: { 'idempotency-key': 'order-17' },
      body: {
        function: 'double@1',
        kwargs: { x: 21 },
        options: { priority: 10, timeout_ms: 5000, tags: ['nightly'], retry: { max_retries: 2, on: ['OSError'] } },
      },
      status: 201,
    },
    { name: 'a pickle', body: { function: 'double', args_pickle: SAMPLE.helloArgs }, status: 201 },
  ],
});

export const submitBatch = route({
  method: 'POST',
  path: '/v1/tasks/batch',
  tag: 'tasks',
  summary: 'Submit many tasks',
  description:
    `Up to ${MAX_BATCH_TASKS} calls. All are checked before the first is written. Under an \`Idempotency-Key\` K ` +
    'task i has the key K/i: repeating the request completes a batch that a fault cut short.',
  headers: KEY_HEADERS,
  body: Type.Object(
    { tasks: Type.Array(NewTask, { minItems: 1, maxItems: MAX_BATCH_TASKS }) },
    { title: 'NewBatch', additionalProperties: false },
  ),
  frames: 'in',
  answers: {
    200: {
      description: 'All came before under this key',
      body: Type.Object({ task_ids: Type.Array(Id) }, { title: 'SubmittedBatch' }),
      headers: REPLAYED,
    },
    201: {
      description: 'Queued, ids in the order of the tasks',
      body: Type.Object({ task_ids: Type.Array(Id) }, { title: 'SubmittedBatch' }),
    },
  },
  errors: submitTask.errors,
  examples: [
    {
      name: 'two calls',
      body: {
        tasks: [
          { function: 'double', args: [1] },
          { function: 'double', args: [2] },
        ],
      },
      status: 201,
      answer: { task_ids: [SAMPLE.newTask, SAMPLE.waitingTask] },
    },
  ],
});

export const listTasks = route({
  method: 'GET',
  path: '/v1/tasks',
  tag: 'tasks',
  summary: 'List tasks',
  description:
    'Newest first. The cursor is stable while tasks are added; a page may be short while there are more. A function ' +
    'named without a version is its newest one.',
  query: Type.Object({
    status: Type.Optional(
      Type.Array(Type.Enum([...TASK_STATES]), { description: 'One or more, repeated or separated by commas' }),
    ),
    function: Type.Optional(FunctionRef),
    group: Type.Optional(Type.String()),
    tag: Type.Optional(Type.String()),
    since: Type.Optional(Time),
    until: Type.Optional(Time),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, description: 'Items a page (100)' })),
    cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before' })),
  }),
  answers: {
    200: {
      description: 'A page',
      body: Type.Object(
        { items: Type.Array(Task), next_cursor: Type.String({ description: "'' on the last page" }) },
        { title: 'TaskPage' },
      ),
    },
  },
  errors: ['invalid_cursor', 'function_not_found', 'validation_failed'],
  examples: [
    {
      name: 'waiting ones',
      query: { status: 'QUEUED', limit: '10' },
      status: 200,
      answer: { items: [SAMPLE_TASK], next_cursor: '' },
    },
  ],
});

export const getTask = route({
  method: 'GET',
  path: '/v1/tasks/{task_id}',
  tag: 'tasks',
  summary: 'Look at a task',
  description: 'Its times, attempts, function and options, and why it waits.',
  params: TaskParams,
  answers: { 200: { description: 'The task', body: Task } },
  errors: ['invalid_id', 'task_not_found', 'task_expired'],
  examples: [
    { name: 'a waiting one', params: { task_id: SAMPLE.waitingTask }, status: 200, answer: SAMPLE_TASK },
    { name: 'an unknown one', params: { task_id: SAMPLE.unknown }, status: 404 },
  ],
});

export const ResultAs = Type.Enum(['json', 'pickle'], { description: 'Only this form; 406 where it is not stored' });

export const getResult = route({
  method: 'GET',
  path: '/v1/tasks/{task_id}/result',
  tag: 'tasks',
  summary: 'Read how a task ended',
  description: 'Waits for the end where asked to; 202 with the task where it has not ended in that time.',
  params: TaskParams,
  query: Type.Object({ wait_ms: Type.Optional(WaitMs), as: Type.Optional(ResultAs) }),
  frames: 'out',
  answers: {
    200: { description: 'Its end', body: TaskResult },
    202: { description: 'It has not ended', body: Task },
  },
  errors: ['invalid_id', 'task_not_found', 'task_expired', 'result_form_not_stored', 'validation_failed'],
  examples: [
    {
      name: 'ended',
      params: { task_id: SAMPLE.endedTask },
      query: { as: 'json' },
      status: 200,
      answer: SAMPLE_RESULT,
    },
    {
      name: 'not yet',
      params: { task_id: SAMPLE.waitingTask },
      query: { wait_ms: '10' },
      status: 202,
      answer: SAMPLE_TASK,
    },
  ],
});

const StreamLog = Type.Object({
  text: Type.String({ description: 'The first bytes and the last ones, as UTF-8' }),
  gap_at: Nullable(
    Type.Integer({ minimum: 0 }),
    'Where in `text` something is missing: so many characters (Unicode code points) stand before it; null where it is whole',
  ),
  dropped_bytes: Type.Integer({ description: 'How much is missing there' }),
  total_bytes: Type.Integer(),
});

export const getLogs = route({
  method: 'GET',
  path: '/v1/tasks/{task_id}/logs',
  tag: 'tasks',
  summary: "Read a call's own output",
  description:
    'What the newest attempt printed. With `follow=1` a stream of server-sent events: `event: log` with ' +
    '`{attempt, stream, offset, text}`, at last `event: end`. `offset` is where in its stream, in bytes, the text begins: ' +
    'where it lies beyond the end of the text before, what was between them was dropped.',
  params: TaskParams,
  query: Type.Object({ follow: Type.Optional(Type.Boolean()) }),
  answers: {
    200: {
      description: 'The output',
      body: Type.Object(
        { task_id: Id, attempt: Type.Integer(), stdout: StreamLog, stderr: StreamLog },
        { title: 'TaskLogs' },
      ),
      media: ['text/event-stream'],
    },
  },
  errors: ['invalid_id', 'task_not_found', 'task_expired', 'validation_failed'],
  examples: [
    {
      name: 'of an ended task',
      params: { task_id: SAMPLE.endedTask },
      status: 200,
      answer: {
        task_id: SAMPLE.endedTask,
        attempt: 1,
        stdout: { text: 'hello\n', gap_at: null, dropped_bytes: 0, total_bytes: 6 },
        stderr: { text: '', gap_at: null, dropped_bytes: 0, total_bytes: 0 },
      },
    },
  ],
});

export const LogEvent = Type.Object(
  { attempt: Type.Integer(), stream: Type.Enum([...LOG_STREAMS]), offset: Type.Integer(), text: Type.String() },
  { title: 'LogEvent' },
);

export const cancelTask = route({
  method: 'POST',
  path: '/v1/tasks/{task_id}/cancel',
  tag: 'tasks',
  summary: 'Cancel a task',
  description:
    'Ends a task that has not ended; one that was canceled before stays so. Where another end won, 409 says which.',
  params: TaskParams,
  body: Type.Object({}, { title: 'Cancel', additionalProperties: false }),
  bodyOptional: true,
  answers: { 200: { description: 'Canceled', body: Task } },
  errors: ['invalid_id', 'task_not_found', 'task_expired', 'task_ended'],
  examples: [
    { name: 'a waiting one', params: { task_id: SAMPLE.cancelTask }, body: {}, status: 200 },
    { name: 'too late', params: { task_id: SAMPLE.endedTask }, body: {}, status: 409 },
  ],
});

export const cancelTasks = route({
  method: 'POST',
  path: '/v1/tasks/cancel',
  tag: 'tasks',
  summary: 'Cancel many tasks',
  description:
    'Ends those that have not ended; those that were canceled before count as canceled. With `only_waiting` those that run are let be; one that is started at this very ' +
    'moment may be ended all the same.',
  body: Type.Object(
    {
      task_ids: Type.Array(Id, { minItems: 1, maxItems: MAX_BATCH_TASKS }),
      only_waiting: Type.Optional(Type.Boolean({ description: 'Let be what runs' })),
    },
    { title: 'CancelMany', additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'Which were canceled, and which not',
      body: Type.Object(
        {
          canceled: Type.Array(Id),
          running: Type.Array(Id, { description: 'Let be, under `only_waiting`' }),
          ended: Type.Array(Id, { description: 'Had ended before' }),
          unknown: Type.Array(Id, { description: 'No such task, or no longer kept' }),
        },
        { title: 'CanceledMany' },
      ),
    },
  },
  errors: [],
  examples: [
    {
      name: 'one of each',
      body: { task_ids: [SAMPLE.cancelManyTask, SAMPLE.endedTask, SAMPLE.unknown], only_waiting: true },
      status: 200,
      answer: { canceled: [SAMPLE.cancelManyTask], running: [], ended: [SAMPLE.endedTask], unknown: [SAMPLE.unknown] },
    },
  ],
});

export const retryTask = route({
  method: 'POST',
  path: '/v1/tasks/{task_id}/retry',
  tag: 'tasks',
  summary: 'Run it again as a new task',
  description:
    'The same function, arguments and options under a new id, behind what waits now. `not_before` and `expires_at` hold ' +
    'where they still lie ahead.',
  params: TaskParams,
  body: Type.Object({}, { title: 'Retry', additionalProperties: false }),
  bodyOptional: true,
  answers: { 201: { description: 'Queued', body: Type.Object({ task_id: Id }, { title: 'Submitted' }) } },
  errors: [
    'invalid_id',
    'task_not_found',
    'task_expired',
    'task_not_ended',
    'exceeds_queue',
    'queue_full',
    'rate_limited',
    'shutting_down',
  ],
  examples: [
    {
      name: 'an ended one',
      params: { task_id: SAMPLE.endedTask },
      body: {},
      status: 201,
      answer: { task_id: SAMPLE.newTask },
    },
  ],
});

export const pinTask = route({
  method: 'POST',
  path: '/v1/tasks/{task_id}/pin',
  tag: 'tasks',
  summary: 'Keep a task',
  description: 'Keeps a task and its result until it is unpinned (`{"pinned": false}`).',
  params: TaskParams,
  body: Type.Object(
    { pinned: Type.Optional(Type.Boolean({ description: 'true' })) },
    { title: 'Pin', additionalProperties: false },
  ),
  bodyOptional: true,
  answers: { 200: { description: 'The task', body: Task } },
  errors: ['invalid_id', 'task_not_found', 'task_expired'],
  examples: [{ name: 'keep it', params: { task_id: SAMPLE.endedTask }, body: { pinned: true }, status: 200 }],
});
