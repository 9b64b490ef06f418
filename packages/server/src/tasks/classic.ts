// What the classic API says of an end: a pickle in every case, written by the service where no Python made one.
import type { FailureKind } from '@mpcsfaas/contract';
import type { AttemptNote } from '../lifecycle/outcome.ts';
import type { EndedTask } from '../store/index.ts';
import { pickleException, pickleJson } from './pickle/write.ts';

/** Builtin exception types that are made from one string, whatever it says. */
const BUILTIN = new Set([
  ...['ArithmeticError', 'AssertionError', 'AttributeError', 'BufferError', 'EOFError', 'Exception', 'ImportError'],
  ...[
    'IndexError',
    'KeyError',
    'LookupError',
    'MemoryError',
    'ModuleNotFoundError',
    'NameError',
    'NotImplementedError',
  ],
  ...['OSError', 'OverflowError', 'RecursionError', 'ReferenceError', 'RuntimeError', 'StopIteration', 'SyntaxError'],
  ...['SystemError', 'TimeoutError', 'TypeError', 'UnboundLocalError', 'ValueError', 'ZeroDivisionError'],
]);

/** The pickle of the value, or of the exception object. */
export function classicPickle(end: EndedTask): Buffer {
  if (end.result.pickle !== undefined) return end.result.pickle;
  if (end.state === 'COMPLETED') return pickleValue(end.result.json);
  const { type = '', message = '', traceback = '' } = end.error ?? {};
  const [name, text] = exceptionOf(end.kind, type, message, traceback);
  return pickleException(name, text + historyInWords(end.history ?? []));
}

function historyInWords(history: readonly AttemptNote[]): string {
  const lines = history.map(({ attempt, worker, reason, message }) => {
    const where = worker === '' ? '' : ` on worker ${worker}`;
    return `\nattempt ${attempt}${where}: ${reason}${message === '' ? '' : `, ${message}`}`;
  });
  return lines.join('');
}

function pickleValue(json: Buffer | undefined): Buffer {
  try {
    return pickleJson(JSON.parse(json?.toString('utf8') ?? 'null'));
  } catch (fault) {
    if (fault instanceof RangeError || fault instanceof SyntaxError) {
      return pickleException('RuntimeError', `The JSON result cannot be said as a pickle: ${fault.message}`);
    }
    throw fault;
  }
}

function exceptionOf(kind: FailureKind | '', type: string, message: string, traceback: string): [string, string] {
  switch (kind) {
    case 'timed_out':
    case 'expired':
      return ['TimeoutError', message];
    case 'lost':
      return ['RuntimeError', `WorkerLost: ${message}`];
    case 'memory_exceeded':
      return ['MemoryError', message];
    case 'canceled':
      return ['RuntimeError', `Canceled: ${message}`];
    case 'raised':
    case 'load_failed':
    case 'result_not_serializable':
    case 'result_not_json':
    case 'result_too_large':
    case 'version_mismatch':
    case '': {
      const text = traceback === '' ? message : `${message}\n${traceback}`;
      return BUILTIN.has(type) ? [type, text] : ['RuntimeError', `${type}: ${text}`];
    }
  }
}
