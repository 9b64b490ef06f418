// Does a JavaScript function bring all that it uses? Asked of bare expressions, which a caller cut out of its program, and of
// modules, where a false refusal is worse than a miss: what somebody bundled asks for things in ways of its own.
import { isBuiltin } from 'node:module';
import type { Program } from 'acorn';
import { foreignParts } from './foreign-parts.ts';
import { MAX_CHARS, bareText, moduleOf } from './parsed.ts';
import { Refusal } from '../refusal.ts';
import { freeNames, freeNamesOfModule } from './free-names.ts';

/** What Node gives every program; the runners' Node is of the same major version. */
const GLOBALS: ReadonlySet<string> = globals();

const COMMON_JS = new Set(['require', 'module', 'exports', '__dirname', '__filename']);

/** What a module for several hosts asks for where it has found itself to be in another one than Node. */
const OF_OTHER_HOSTS = new Set([
  ...[
    'window',
    'self',
    'document',
    'location',
    'history',
    'screen',
    'alert',
    'Image',
    'Element',
    'HTMLElement',
    'Node',
  ],
  ...['XMLHttpRequest', 'ActiveXObject', 'FileReader', 'Worker', 'MutationObserver', 'requestAnimationFrame'],
  ...['importScripts', 'WorkerGlobalScope', 'postMessage', 'Deno', 'Bun', 'chrome', 'browser', 'define'],
  ...['localStorage', 'sessionStorage', 'indexedDB', 'arguments'],
]);

/** Refuses with `not_self_contained`. What cannot be parsed, TypeScript too, is let pass. */
export function demandSelfContained(source: string): void {
  if (source.length > MAX_CHARS) return;
  const names = namesIn(bareText(source)) ?? namesInModule(source);
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
    return freeNames(text).filter((name) => !GLOBALS.has(name));
  } catch {
    return undefined;
  }
}

function namesInModule(text: string): string[] {
  const program = moduleOf(text);
  // What is imported from elsewhere may make globals.
  if (program === undefined || importsMore(program)) return [];
  const isForeign = foreignParts(text);
  const used = freeNamesOfModule(program, (at) => !isForeign(at));
  return used.filter((name) => !GLOBALS.has(name) && !COMMON_JS.has(name) && !OF_OTHER_HOSTS.has(name));
}

function importsMore({ body }: Program): boolean {
  return body.some((one) => 'source' in one && one.source != null && !isBuiltin(String(one.source.value)));
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
