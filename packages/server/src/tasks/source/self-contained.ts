// Does a JavaScript function bring all that it uses? Asked of bare expressions, which a caller cut out of its program, and of
// modules, where a false refusal is worse than a miss: what somebody bundled asks for things in ways of its own.
import { isBuiltin } from 'node:module';
import type { Program } from 'acorn';
import { BUNDLE_BANNER } from './banner.ts';
import { foreignParts } from './foreign-parts.ts';
import { MAX_CHARS, bareText, moduleOf } from './parsed.ts';
import { Refusal } from '../refusal.ts';
import { freeNames, freeNamesOfModule } from './free-names.ts';

/** What Node gives every program; the runners' Node is of the same major version. */
const GLOBALS: ReadonlySet<string> = globals();

const COMMON_JS = new Set(['require', 'module', 'exports', '__dirname', '__filename']);

/** What pages, their workers and other hosts than Node have. */
const OF_OTHER_HOSTS = new Set([
  ...['window', 'self', 'document', 'location', 'history', 'screen', 'alert', 'customElements', 'matchMedia'],
  ...['Image', 'Element', 'Node', 'DOMParser', 'XMLHttpRequest', 'ActiveXObject', 'FileReader', 'ProgressEvent'],
  ...[
    'Worker',
    'SharedWorker',
    'importScripts',
    'WorkerGlobalScope',
    'postMessage',
    'addEventListener',
    'OffscreenCanvas',
  ],
  ...['MutationObserver', 'ResizeObserver', 'IntersectionObserver', 'createImageBitmap', 'getComputedStyle'],
  ...['localStorage', 'sessionStorage', 'indexedDB', 'EventSource', 'Deno', 'Bun', 'chrome', 'browser', 'define'],
]);
const LIKE_THOSE = /^(HTML|SVG|IDB|CSS)\w|^(request|cancel)\w+(Frame|Callback)$/;

/** They run what is not in the text. */
const RUN_MORE = new Set(['module', 'vm']);

/** Refuses with `not_self_contained`. What cannot be parsed, TypeScript too, is let pass. */
export function demandSelfContained(source: string): void {
  if (source.length > MAX_CHARS) return;
  const own = namesIn(bareText(source));
  const names = own ?? namesInModule(source);
  if (names.length === 0) return;
  const [is, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const [what, place] = own === undefined ? ['module', 'there'] : ['function', 'inside the function'];
  const imports = names.some((name) => COMMON_JS.has(name))
    ? "; Node's modules are had with `await import('node:…')`"
    : '';
  throw new Refusal(
    'not_self_contained',
    `The ${what} uses ${names.join(', ')}, which ${is} neither declared in it nor global: its text travels alone. Declare or import ${them} ${place}, or pass ${them} as arguments${imports}.`,
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

/** None where it cannot be walked through: what is nested too deeply is let pass, too. */
function namesInModule(source: string): string[] {
  const text = source.replace(BUNDLE_BANNER, '');
  const program = moduleOf(text);
  if (program === undefined || importsMore(program)) return [];
  const isForeign = foreignParts(text);
  const elsewhere = (name: string): boolean => OF_OTHER_HOSTS.has(name) || LIKE_THOSE.test(name);
  try {
    const used = freeNamesOfModule(program, (at) => !isForeign(at), elsewhere);
    return used.filter((name) => !GLOBALS.has(name) && !COMMON_JS.has(name) && name !== 'arguments');
  } catch {
    return [];
  }
}

/** What is imported from elsewhere may make globals, and so may what is run by what is imported. */
function importsMore({ body }: Program): boolean {
  return body.some((one) => {
    if (!('source' in one) || one.source == null) return false;
    const name = String(one.source.value);
    return !isBuiltin(name) || RUN_MORE.has(name.replace(/^node:/, ''));
  });
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
