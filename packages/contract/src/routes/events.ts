// /v1/events: the ends of tasks as server-sent events.
import { Type } from '../type.ts';
import { FAILURE_KINDS, TERMINAL_STATES } from '../vocabulary.ts';
import { FunctionRef, Id, Nullable } from '../fields.ts';
import { TaskResult } from '../record.ts';
import { SAMPLE } from '../samples.ts';
import { route } from '../route.ts';

/** A place in every shard's log, some 16 characters each. */
const MAX_CURSOR = 8192;

export const TaskEnded = Type.Object(
  {
    task_id: Id,
    status: Type.Enum([...TERMINAL_STATES]),
    kind: Nullable(Type.Enum([...FAILURE_KINDS]), 'null where COMPLETED'),
    group: Type.String(),
    result: Type.Optional(
      Nullable(TaskResult, 'With `results=true`: how it ended; null where it does not ride along: ask `/v1/results`'),
    ),
  },
  { title: 'TaskEnded', description: 'The data of an `event: task.ended`' },
);

export const streamEvents = route({
  method: 'GET',
  path: '/v1/events',
  tag: 'events',
  summary: 'Follow the ends of tasks',
  description:
    'A stream of server-sent events: `id`, `event: task.ended`, `data: {task_id, status, kind, group}`. ' +
    '`Last-Event-ID` (or `?after=`) replays what came after it from a bounded log; where it is too old, `event: reset` ' +
    'says to ask `/v1/results`. With `results=true` small results (up to 1 KiB) ride along in `result`, so that nobody has ' +
    'to ask for them. A comment every 15 s keeps the connection.',
  headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: MAX_CURSOR })) }),
  query: Type.Object({
    group: Type.Optional(Type.String()),
    function: Type.Optional(FunctionRef),
    task_id: Type.Optional(Type.Array(Id, { maxItems: 100, description: 'Repeated or separated by commas' })),
    results: Type.Optional(Type.Boolean({ description: 'Small results ride along' })),
    after: Type.Optional(Type.String({ maxLength: MAX_CURSOR, description: 'As `Last-Event-ID`' })),
  }),
  answers: { 200: { description: 'The stream', media: ['text/event-stream'] } },
  errors: ['invalid_cursor', 'function_not_found', 'validation_failed', 'shutting_down'],
  examples: [
    { name: 'of one task', query: { task_id: SAMPLE.waitingTask }, status: 200 },
    { name: 'of a group, with small results', query: { group: 'nightly', results: 'true' }, status: 200 },
  ],
});
