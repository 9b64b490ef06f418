// From a worker's `ended` items to endings: payloads cut out of the message, or taken from the parts that came before.
// What a result claims to be is checked here: from here on it is kept, and told to clients as it is.
import type { TaskSpec } from '../../lifecycle/spec.ts';
import type { Failed, Outcome, ResultForms, TaskLogs } from '../../lifecycle/outcome.ts';
import type { Assembly, EndedItem, PayloadReader, PayloadRef, StreamRef } from '../../protocol/index.ts';
import { jsonTrouble } from '../../tasks/json-bytes.ts';

/** Undefined where a part of it has not arrived: it must be sent again. */
export function outcomeOf(
  item: EndedItem,
  spec: TaskSpec,
  reader: PayloadReader,
  parts: Assembly,
): Outcome | undefined {
  switch (item.is) {
    case 'completed': {
      const result: ResultForms = {};
      for (const form of ['json', 'pickle'] as const) {
        const ref = item[form];
        if (ref === undefined) continue;
        if (bytesOf(ref) > spec.max_result_bytes) return tooLarge(bytesOf(ref), spec.max_result_bytes);
        const bytes = payload(ref, `${item.t} ${form}`, reader, parts);
        if (bytes === undefined) return undefined;
        if (bytes.length > 0) result[form] = bytes;
      }
      return troubleWith(result, spec) ?? { is: 'completed', result };
    }
    case 'failed': {
      const { kind, error } = item;
      // What was raised is told by its texts where it is more than a result may be.
      if (item.pickle === undefined || bytesOf(item.pickle) > spec.max_result_bytes)
        return { is: 'failed', kind, error };
      const pickle = payload(item.pickle, `${item.t} pickle`, reader, parts);
      if (pickle === undefined) return undefined;
      return { is: 'failed', kind, error, ...(pickle.length > 0 && { pickle }) };
    }
    case 'lost':
      return { is: 'lost', error: item.error };
    case 'released':
      return { is: 'released', reason: item.reason };
  }
}

/** What becomes of a result that is not what it must be: an end with a sentence, for running it again would bring the same. */
function troubleWith({ json, pickle }: ResultForms, spec: TaskSpec): Failed | undefined {
  if (json !== undefined) {
    const trouble = jsonTrouble(json);
    if (trouble !== '') return failed('result_not_json', `the worker sent a result that is not JSON (${trouble})`);
  } else if (spec.result_as !== 'pickle') return failed('result_not_json', 'the worker sent a result without JSON');
  // Where a pickle is asked for JSON alone will do: a worker for another language has no other, and a reader is told so.
  else if (pickle === undefined) return failed('result_not_serializable', 'the worker sent an end without a result');
  return undefined;
}

function failed(kind: Failed['kind'], message: string): Failed {
  return { is: 'failed', kind, error: { type: 'ValueError', message, traceback: '' } };
}

function tooLarge(size: number, limit: number): Failed {
  const message = `the worker sent a result of ${size} bytes and the limit is ${limit} (max_result_bytes, option --max-result-bytes)`;
  return failed('result_too_large', message);
}

function bytesOf(ref: PayloadRef): number {
  return 'parts' in ref ? ref.parts : ref[2];
}

function payload(ref: PayloadRef, key: string, reader: PayloadReader, parts: Assembly): Buffer | undefined {
  return 'parts' in ref ? parts.take(key) : reader.read(ref);
}

export function logsOf(item: EndedItem, reader: PayloadReader): TaskLogs | null {
  if (item.logs === undefined) return null;
  const stream = (ref: StreamRef): TaskLogs['stdout'] => ({
    head: reader.read(ref.head),
    tail: reader.read(ref.tail),
    total: ref.total,
  });
  return { stdout: stream(item.logs.stdout), stderr: stream(item.logs.stderr) };
}
