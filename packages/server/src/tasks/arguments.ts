// Arguments: as JSON or as a pickle, from a body to the bytes a runner reads.
import type { ArgsEncoding } from '@mpcsfaas/contract';
import { mayChange } from './argument-texts.ts';
import type { ArgumentText } from './argument-texts.ts';
import { checkPickle } from './pickle/check.ts';
import { Refusal } from './refusal.ts';

export interface Arguments {
  argsAs: ArgsEncoding;
  args: Buffer;
}

interface Given {
  args?: unknown[];
  kwargs?: Record<string, unknown>;
}

/** JSON arguments are one text, `{"args":[…],"kwargs":{…}}`; a pickle is taken as it is. */
export function argumentsOf(
  given: Given,
  written: ArgumentText | undefined,
  pickle: Buffer | undefined,
  pointer: string,
  field = 'args_pickle',
): Arguments {
  if (pickle === undefined) return { argsAs: 'json', args: encode(given, written ?? {}, pointer) };
  if (given.args !== undefined || given.kwargs !== undefined) {
    throw new Refusal('validation_failed', 'Give arguments as JSON (`args`, `kwargs`) or as `args_pickle`, not both.', {
      errors: [{ pointer: `${pointer}/args_pickle`, message: 'must not stand beside args or kwargs' }],
    });
  }
  if (pickle.length === 0) {
    throw new Refusal('invalid_pickle', 'The arguments are empty: send the pickle of ((args…), {kwargs}).', {
      errors: [{ pointer: `${pointer}/${field}`, message: 'is empty' }],
    });
  }
  const check = checkPickle(pickle);
  if (check.is === 'malformed') {
    throw new Refusal('invalid_pickle', `The arguments are no whole pickle: it ${check.reason}.`, {
      errors: [{ pointer: `${pointer}/${field}`, message: check.reason }],
    });
  }
  return { argsAs: 'pickle', args: pickle };
}

/** The same bytes for the same value, as JSON.stringify writes it, but for what a parsed number would not say again. */
function encode({ args = [], kwargs = {} }: Given, written: ArgumentText, pointer: string): Buffer {
  const text = (value: unknown, own: string | undefined): string =>
    own !== undefined && mayChange(own) ? own : JSON.stringify(value);
  try {
    return Buffer.from(`{"args":${text(args, written.args)},"kwargs":${text(kwargs, written.kwargs)}}`, 'utf8');
  } catch (fault) {
    if (!(fault instanceof RangeError)) throw fault;
    throw new Refusal('validation_failed', 'The arguments are nested too deeply. Send them as a pickle, or flatter.', {
      errors: [{ pointer: `${pointer}/args`, message: 'is nested too deeply' }],
    });
  }
}
