// What can be asked of a task's life: at submit, or as a function's default for all of its tasks.
import { Type } from './type.ts';
import type { Static } from 'typebox';
import { ISOLATIONS, RESULT_FORMS } from './vocabulary.ts';
import {
  MAX_LABELS,
  MAX_MEMORY_BYTES,
  MAX_OPTION_MS,
  MAX_PRIORITY,
  MAX_RETRIES,
  MAX_RETRY_TYPES,
  MAX_TAGS,
  MAX_TASK_ATTEMPTS,
  MAX_TYPE_CHARS,
  MAX_WORD_CHARS,
  MIN_RESULT_TTL_MS,
} from './limits.ts';
import { Time } from './fields.ts';
import { TRACEPARENT_PATTERN } from './patterns.ts';

export const RetryPolicyBody = Type.Object(
  {
    max_retries: Type.Integer({ minimum: 0, maximum: MAX_RETRIES, description: 'Retries after the first attempt' }),
    backoff_ms: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_OPTION_MS,
        description: 'First wait (1000), full jitter',
      }),
    ),
    factor: Type.Optional(Type.Number({ minimum: 1, maximum: 100, description: 'Growth of the wait (2)' })),
    max_backoff_ms: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MAX_OPTION_MS, description: 'Longest wait (60000)' }),
    ),
    on: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: MAX_TYPE_CHARS }), {
        maxItems: MAX_RETRY_TYPES,
        description: 'Exception type names to retry, bases count; empty = all',
      }),
    ),
  },
  { title: 'RetryPolicy', additionalProperties: false, description: 'For exceptions that the function raises' },
);

const lasting = {
  priority: Type.Optional(
    Type.Integer({ minimum: -MAX_PRIORITY, maximum: MAX_PRIORITY, description: 'Higher goes first' }),
  ),
  timeout_ms: Type.Optional(
    Type.Integer({ minimum: 0, maximum: MAX_OPTION_MS, description: 'Time limit of an attempt; 0 = none' }),
  ),
  memory_bytes: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_MEMORY_BYTES,
      description: 'Memory of a call beyond that of its process before; 0 = no limit',
    }),
  ),
  max_attempts: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MAX_TASK_ATTEMPTS, description: 'How often its runner or worker may be lost' }),
  ),
  retry: Type.Optional(RetryPolicyBody),
  at_most_once: Type.Optional(Type.Boolean({ description: 'Never started twice: a loss ends it, no retry' })),
  result_ttl_ms: Type.Optional(
    Type.Integer({ minimum: MIN_RESULT_TTL_MS, maximum: MAX_OPTION_MS, description: 'How long the end is kept' }),
  ),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: MAX_WORD_CHARS }), { maxItems: MAX_TAGS })),
  isolation: Type.Optional(
    Type.Enum([...ISOLATIONS], { description: '`warm`: processes are kept; `task`: one for each call' }),
  ),
  labels: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: MAX_WORD_CHARS }), {
      maxItems: MAX_LABELS,
      description: 'Labels the worker must have: `key=value`, or `key` with any value or none',
    }),
  ),
  result_as: Type.Optional(
    Type.Enum([...RESULT_FORMS], { description: 'Form of the result; default: that of the arguments' }),
  ),
};

export const FunctionOptions = Type.Object(lasting, {
  title: 'FunctionOptions',
  additionalProperties: false,
  description: "Defaults for the function's tasks",
});
export type FunctionOptions = Static<typeof FunctionOptions>;

export const TaskOptions = Type.Object(
  {
    ...lasting,
    not_before: Type.Optional(Time),
    expires_at: Type.Optional(Time),
    group: Type.Optional(Type.String({ maxLength: MAX_WORD_CHARS, description: 'For lists and events' })),
    traceparent: Type.Optional(Type.String({ pattern: TRACEPARENT_PATTERN, description: 'W3C trace context' })),
  },
  {
    title: 'TaskOptions',
    additionalProperties: false,
    description: 'What is left out is taken from the function, then from the service',
  },
);
export type TaskOptions = Static<typeof TaskOptions>;
