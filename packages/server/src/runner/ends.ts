// What a call came to, in the words of lifecycle/outcome.ts: from an answer, from our own kill, from a death.
import { constants } from 'node:os';
import type { Runtime } from '@mpcsfaas/contract';
import { ATTEMPT_KINDS, type ErrorInfo, type Failed, type Lost, type Outcome } from '../lifecycle/outcome.ts';
import type { TaskSpec } from '../lifecycle/spec.ts';
import type { Death } from './child.ts';
import type { ChildFrame } from './frames.ts';

/** Why we kill a child. The first reason holds, whatever the child does afterwards. */
export type KillReason =
  | { is: 'timed_out'; limitMs: number }
  | { is: 'memory_exceeded'; limit: number; seen: number }
  | { is: 'too_large'; size: number; limit: number }
  | { is: 'canceled' }
  /** `once`: its call is an at-most-once one. */
  | { is: 'drain'; once: boolean }
  /** It sent what no child of ours sends, or closed its channel. */
  | { is: 'fault'; why: string }
  /** No call is in it any more. */
  | { is: 'retired' };

type Answer = Extract<ChildFrame, { is: 'value' | 'failure' }>;

const CHILD_KINDS = new Set<string>(ATTEMPT_KINDS);

/**
 * Of what a child says of an error, UTF-16 units: children cut texts to 64 Ki characters and a line, of two units each at most;
 * names are whatever users call their classes. All of one error fits a message with room to spare.
 */
const MOST_TEXT = 129 * 1024;
const MOST_NAME = 1024;
const MOST_BASES = 64;

/** The outcome of an answer; a string says what is wrong with the answer itself. */
export function outcomeOf(frame: Answer, spec: TaskSpec): Outcome | string {
  if (frame.is === 'failure') return failureOf(frame, spec);
  for (const part of [frame.json, frame.pickle]) {
    if (part && part.length > spec.max_result_bytes) return tooLarge(part.length, spec.max_result_bytes);
  }
  if (spec.result_as !== 'pickle' && !frame.json) return 'an answer without JSON';
  if (spec.result_as !== 'json' && spec.runtime === 'python' && !frame.pickle) return 'an answer without a pickle';
  return {
    is: 'completed',
    result: { ...(frame.json && { json: frame.json }), ...(frame.pickle && { pickle: frame.pickle }) },
  };
}

function failureOf(frame: Extract<Answer, { is: 'failure' }>, spec: TaskSpec): Failed | string {
  let info: unknown;
  try {
    info = JSON.parse(frame.info.toString());
  } catch {
    return 'an error that is no JSON';
  }
  if (typeof info !== 'object' || info === null) return 'an error that is no object';
  const said = info as Record<string, unknown>;
  if (typeof said['kind'] !== 'string' || !CHILD_KINDS.has(said['kind'])) return 'an error of unknown kind';
  const bases = said['bases'];
  const error: ErrorInfo = {
    type: text(said['type'], MOST_NAME),
    message: text(said['message'], MOST_TEXT) || (said['kind'] === 'memory_exceeded' ? OUT_OF_MEMORY : ''),
    traceback: text(said['traceback'], MOST_TEXT),
    ...(said['kind'] === 'memory_exceeded' && { details: { limit_bytes: spec.memory_bytes } }),
    ...(said['kind'] === 'result_too_large' && { details: { limit_bytes: spec.max_result_bytes } }),
    ...(Array.isArray(bases) && { bases: basesOf(bases) }),
  };
  return {
    is: 'failed',
    kind: said['kind'] as Failed['kind'],
    error,
    // Larger than a result may be, it is told by its texts.
    ...(frame.pickle && frame.pickle.length <= spec.max_result_bytes && { pickle: frame.pickle }),
  };
}

/** Python's own MemoryError says nothing. */
const OUT_OF_MEMORY = 'the call needed more memory than its limit (memory_bytes)';

function basesOf(given: readonly unknown[]): string[] {
  const names = given.filter((base) => typeof base === 'string').slice(0, MOST_BASES);
  return names.map((name) => text(name, MOST_NAME));
}

function text(value: unknown, most: number): string {
  if (typeof value !== 'string') return '';
  // A cut may go through a pair of surrogates.
  return value.length <= most ? value : value.slice(0, most).toWellFormed();
}

function failed(kind: Failed['kind'], type: string, message: string, details: Record<string, number>): Failed {
  return { is: 'failed', kind, error: { type, message, traceback: '', details } };
}

function tooLarge(size: number, limit: number): Failed {
  const message =
    `the result has ${size} bytes and the limit is ${limit} (max_result_bytes, option --max-result-bytes): ` +
    'return less, or store it elsewhere and return where';
  return failed('result_too_large', 'ValueError', message, { size_bytes: size, limit_bytes: limit });
}

/** The end of a call whose runner we killed; undefined where nobody is told (it was canceled). */
export function endOfKilled(reason: KillReason, death: Death, runtime: RuntimeName): Outcome | undefined {
  switch (reason.is) {
    case 'timed_out':
      return failed(
        'timed_out',
        'TimeoutError',
        `the call ran longer than its time limit of ${reason.limitMs} ms (timeout_ms; where none was given, option --default-timeout)`,
        { timeout_ms: reason.limitMs },
      );
    case 'memory_exceeded':
      return failed(
        'memory_exceeded',
        'MemoryError',
        `the call used ${reason.seen} bytes of memory and its limit is ${reason.limit} (memory_bytes)`,
        { limit_bytes: reason.limit, seen_bytes: reason.seen },
      );
    case 'too_large':
      return tooLarge(reason.size, reason.limit);
    case 'canceled':
      return undefined;
    case 'drain':
      return reason.once ? lost(DRAINED_ONCE, {}) : { is: 'released', reason: 'drain' };
    case 'fault':
      return lost(`the runner broke its channel: ${reason.why}`, {});
    case 'retired':
      return endOfDead(death, runtime, undefined);
  }
}

const DRAINED_ONCE =
  'the call had begun when its worker or dispatcher was told to end, and still ran when the grace time (--grace) was ' +
  'over; it runs at most once, so it is not begun again';

export interface RuntimeName {
  runtime: Runtime;
  /** '3.11.2' */
  version: string;
}

/** The loss of a call whose runner died by itself. `byValue`: its function came as pickled byte code, of `byValue.python` or ''. */
export function endOfDead(death: Death, runtime: RuntimeName, byValue: { python: string } | undefined): Lost {
  const hint =
    byValue !== undefined && byValue.python === '' && runtime.runtime === 'python'
      ? ` It runs Python ${runtime.version} and the function came as byte code: where it was pickled by another Python ` +
        'version, use the same one on both sides (worker option --python) or send the function as source.'
      : '';
  switch (death.is) {
    case 'exit':
      if (death.code === CHANNEL_GONE) {
        return lost(
          'the runner could not answer any more: the function closed the descriptor that answers go by, as a close of all descriptors does.',
          { exit_code: death.code },
        );
      }
      return lost(
        `the runner ended itself with exit code ${death.code} while the function ran (os._exit, process.exit or the like).${hint}`,
        { exit_code: death.code },
      );
    case 'signal': {
      const name = signalName(death.signal);
      return lost(`the runner was ended by ${name} while the function ran${SIGNAL_MEANING[name] ?? ''}.${hint}`, {
        signal: name,
      });
    }
    case 'unknown':
      return lost(`the runner ended while the function ran: ${death.why}`, {});
  }
}

/** How a Python runner ends when it can neither read nor answer (EX_SOFTWARE of sysexits). */
const CHANNEL_GONE = 70;

/** A runner's death in a few words, for the log. */
export function deathInWords(death: Death): string {
  if (death.is === 'exit') return `exit code ${death.code}`;
  return death.is === 'signal' ? signalName(death.signal) : death.why;
}

const SIGNAL_MEANING: Record<string, string> = {
  SIGKILL: ' (killed from outside; often the kernel, out of memory)',
  SIGSEGV: ' (a segmentation fault in native code)',
  SIGABRT: ' (native code gave up)',
  SIGBUS: ' (a fault in native code or a full disk behind mapped memory)',
};

function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([, value]) => value === number);
  return named ? named[0] : `signal ${number}`;
}

function lost(message: string, details: Record<string, string | number>): Lost {
  return { is: 'lost', error: { type: 'RunnerLost', message, traceback: '', details } };
}
