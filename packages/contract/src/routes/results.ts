// /v1/results and /v1/call: the ends of many, and the value of one call.
import { Type } from '../type.ts';
import { FunctionRef, Id } from '../fields.ts';
import { MAX_RESULT_IDS } from '../limits.ts';
import { Task, TaskResult } from '../record.ts';
import { SAMPLE, SAMPLE_RESULT, SAMPLE_TASK } from '../samples.ts';
import { ARGUMENTS, KEY_HEADERS, ResultAs, WaitMs } from './tasks.ts';
import { route } from '../route.ts';

export const readResults = route({
  method: 'POST',
  path: '/v1/results',
  tag: 'results',
  summary: 'Read what has ended of many',
  description:
    'Answers as soon as one of the tasks has ended (`wait_for: "all"`: when all have), or when the time is up. Ask ' +
    'again with what is still `pending`; an answer is bounded, so ended ones may be among the pending and come with ' +
    'the next.',
  body: Type.Object(
    {
      task_ids: Type.Array(Id, { minItems: 1, maxItems: MAX_RESULT_IDS }),
      wait_ms: Type.Optional(WaitMs),
      wait_for: Type.Optional(
        Type.Enum(['any', 'all'], { description: 'What the wait is for: the first end (`any`), or all of them' }),
      ),
      as: Type.Optional(ResultAs),
    },
    { title: 'ResultsQuery', additionalProperties: false },
  ),
  frames: 'out',
  answers: {
    200: {
      description: 'The ends, and what has none',
      body: Type.Object(
        {
          results: Type.Array(TaskResult),
          pending: Type.Array(Id, { description: 'Not ended, or left for the next answer' }),
          unknown: Type.Array(Id, { description: 'No such task, or no longer kept' }),
        },
        { title: 'Results' },
      ),
    },
  },
  errors: ['result_form_not_stored'],
  examples: [
    {
      name: 'two tasks',
      body: { task_ids: [SAMPLE.endedTask, SAMPLE.waitingTask], wait_ms: 1000, as: 'json' },
      status: 200,
      answer: { results: [SAMPLE_RESULT], pending: [SAMPLE.waitingTask], unknown: [] },
    },
    {
      name: 'a whole batch in one answer',
      body: { task_ids: [SAMPLE.endedTask], wait_ms: 60_000, wait_for: 'all', as: 'json' },
      status: 200,
      answer: { results: [SAMPLE_RESULT], pending: [], unknown: [] },
    },
  ],
});

export const callFunction = route({
  method: 'POST',
  path: '/v1/call/{ref}',
  tag: 'results',
  summary: 'Call a function and get its value',
  description:
    'Submits, waits and answers the value itself, as JSON or (where the result is stored only so) as the pickle’s ' +
    'bytes. `X-Task-Id` names the task in every answer. A function that raised answers 424, one that timed out 504, ' +
    'a lost one or one that no worker can run 503. Time up: 202 with the task, which goes on.',
  params: Type.Object({ ref: FunctionRef }),
  headers: KEY_HEADERS,
  query: Type.Object({
    wait_ms: Type.Optional(WaitMs),
    cancel_on_disconnect: Type.Optional(Type.Boolean({ description: 'Cancel the task when the caller goes away' })),
  }),
  body: Type.Object(ARGUMENTS, { title: 'Call', additionalProperties: false }),
  frames: 'both',
  answers: {
    200: {
      description: 'The value',
      body: Type.Unknown({ description: 'Whatever the function returned' }),
      media: ['application/octet-stream'],
      headers: { 'X-Task-Id': 'The task', 'Idempotent-Replayed': '`true`: the call came under this key before' },
    },
    202: { description: 'It has not ended', body: Task, headers: { 'X-Task-Id': 'The task' } },
  },
  errors: [
    'invalid_frames',
    'invalid_base64',
    'invalid_pickle',
    'pickle_for_javascript',
    'function_not_found',
    'task_expired',
    'args_too_large',
    'idempotency_key_reused',
    'task_failed',
    'task_canceled',
    'exceeds_queue',
    'queue_full',
    'rate_limited',
    'shutting_down',
    'task_lost',
    'no_worker',
    'task_timed_out',
  ],
  examples: [
    { name: 'JSON', params: { ref: 'answer' }, body: { args: [21] }, status: 200, answer: 42 },
    {
      name: 'time up',
      params: { ref: 'stuck' },
      query: { wait_ms: '10' },
      body: { args: [] },
      status: 202,
      answer: SAMPLE_TASK,
    },
    { name: 'unknown function', params: { ref: 'nobody' }, body: {}, status: 404 },
  ],
});
