// A JavaScript source as a program, by the runner's rule: a bare expression, else a module.
import { parse } from 'acorn';
import type { Program } from 'acorn';

/** Parsing is work on the service's own thread: what is larger than a function that somebody wrote is let pass. */
export const MAX_CHARS = 256 * 1024;

/** As an expression, if it is one. */
export function bareText(source: string): string {
  return `(${source.trimEnd().replace(/;+$/, '')}\n)`;
}

/** Undefined where it is none. */
export function moduleOf(text: string): Program | undefined {
  try {
    return parse(text, { ecmaVersion: 'latest', sourceType: 'module' });
  } catch {
    return undefined;
  }
}
