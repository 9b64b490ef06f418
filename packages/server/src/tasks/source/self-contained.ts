// Does a JavaScript function bring all that it uses? Asked of bare expressions: what a caller cut out of its program. A
// whole module is one that somebody wrote to stand alone, and may be a bundle that asks for things in ways of its own.
import { Refusal } from '../refusal.ts';
import { freeNames } from './free-names.ts';

/** Parsing is work on the service's own thread: what is larger than a function that somebody wrote is let pass. */
const MAX_CHARS = 256 * 1024;

/** What Node gives every program; the runners' Node is of the same major version. */
const GLOBALS: ReadonlySet<string> = globals();

const COMMON_JS = new Set(['require', 'module', 'exports', '__dirname', '__filename']);

/** Refuses with `not_self_contained`. What cannot be parsed, TypeScript too, is let pass. */
export function demandSelfContained(source: string): void {
  if (source.length > MAX_CHARS) return;
  const text = source.trimEnd().replace(/;+$/, '');
  const used = namesIn(text) ?? [];
  const names = used.filter((name) => !GLOBALS.has(name));
  if (names.length === 0) return;
  const [is, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const imports = names.some((name) => COMMON_JS.has(name))
    ? "; Node's modules are had with `await import('node:…')`"
    : '';
  throw new Refusal(
    'not_self_contained',
    `The function uses ${names.join(', ')}, which ${is} neither declared in it nor global: its text travels alone. Declare or import ${them} inside the function, or pass ${them} as arguments${imports}.`,
    { names },
  );
}

/** Undefined where it is no expression. */
function namesIn(text: string): string[] | undefined {
  try {
    return freeNames(`(${text}\n)`);
  } catch {
    return undefined;
  }
}

function globals(): Set<string> {
  const names = new Set<string>();
  for (
    let holder: object | null = globalThis;
    holder !== null;
    holder = Object.getPrototypeOf(holder) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(holder)) names.add(name);
  }
  return names;
}
