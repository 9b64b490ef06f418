// From a worker's `ended` items to endings: payloads cut out of the message, or taken from the parts that came before.
import type { ErrorInfo, Outcome, ReleaseReason, ResultForms, TaskLogs } from '../../lifecycle/outcome.ts';
import type { Assembly, EndedItem, PayloadReader, PayloadRef, StreamRef } from '../../protocol/index.ts';

/** Undefined where a part of it has not arrived: it must be sent again. */
export function outcomeOf(item: EndedItem, reader: PayloadReader, parts: Assembly): Outcome | undefined {
  switch (item.is) {
    case 'completed': {
      const result: ResultForms = {};
      for (const form of ['json', 'pickle'] as const) {
        const ref = item[form];
        if (ref === undefined) continue;
        const bytes = payload(ref, `${item.t} ${form}`, reader, parts);
        if (bytes === undefined) return undefined;
        result[form] = bytes;
      }
      return { is: 'completed', result };
    }
    case 'failed': {
      const kind = item.kind;
      if (kind === undefined || kind === 'lost' || kind === 'expired' || kind === 'canceled')
        return unsaid('failed without a kind');
      const failed = { is: 'failed' as const, kind, error: item.error ?? NO_ERROR };
      if (item.pickle === undefined) return failed;
      const pickle = payload(item.pickle, `${item.t} pickle`, reader, parts);
      return pickle && { ...failed, pickle };
    }
    case 'lost':
      return { is: 'lost', error: item.error ?? NO_ERROR };
    case 'released':
      return { is: 'released', reason: item.reason ?? ('handed_back' satisfies ReleaseReason) };
    default:
      return unsaid('an end of an unknown kind');
  }
}

const NO_ERROR: ErrorInfo = { type: 'WorkerLost', message: 'the worker did not say why', traceback: '' };

function unsaid(what: string): Outcome {
  return { is: 'lost', error: { type: 'WorkerLost', message: `the worker reported ${what}`, traceback: '' } };
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
