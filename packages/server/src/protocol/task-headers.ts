// Task headers as they come with a delivery: bytes that the store kept and the dispatcher passed on, read and checked here.
import { ARGS_ENCODINGS, CODE_FORMS, ISOLATIONS, RESULT_FORMS, RUNTIMES } from '@mpcsfaas/contract/words';
import { HeaderReader, type TaskHeader } from '../lifecycle/spec.ts';
import { BadMessage } from './bad-message.ts';
import { checkFields, count, flag, oneOf, shortText, text, texts, time, whole, type Shape } from './fields.ts';

/** All that a worker goes by. The retry policy is none of it: that is the dispatcher's. */
const HEADER: Shape = {
  tenant: text,
  function_id: text,
  function_name: text,
  function_version: count,
  runtime: oneOf(RUNTIMES),
  digest: shortText(128),
  form: oneOf(CODE_FORMS),
  entry: text,
  python: text,
  args_as: oneOf(ARGS_ENCODINGS),
  result_as: oneOf(RESULT_FORMS),
  priority: whole(-1000, 1000),
  timeout_ms: count,
  memory_bytes: count,
  max_result_bytes: count,
  max_attempts: count,
  at_most_once: flag,
  not_before: time,
  expires_at: time,
  result_ttl_ms: count,
  group: text,
  tags: texts,
  isolation: oneOf(ISOLATIONS),
  labels: texts,
  traceparent: text,
  classic: flag,
};

export class TaskHeaders {
  readonly #reader = new HeaderReader();
  /** Those that were found to be what they should be. */
  readonly #checked = new WeakSet<TaskHeader>();

  /** @throws BadMessage where the bytes are no header. */
  read(bytes: Uint8Array): TaskHeader {
    let header: TaskHeader;
    try {
      ({ header } = this.#reader.read(bytes));
    } catch {
      throw new BadMessage('a task header is no msgpack map');
    }
    if (!this.#checked.has(header)) {
      checkFields(header as unknown as Record<string, unknown>, HEADER, 'header', []);
      this.#checked.add(header);
    }
    return header;
  }
}
