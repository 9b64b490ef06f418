// What compilers write into functions and define elsewhere in the file: small stand-ins that travel along. A function
// keeps its meaning without what they do for debuggers and coverage. Of the rest it is said what to do.
import { NotSelfContained, SerializationError } from './errors.ts';

const awaiter = `(self, args, P, body) => (async function () {
  const it = body.apply(self, args || []);
  let how = 'next', sent;
  for (;;) {
    const { done, value } = it[how](sent);
    how = 'next';
    if (done) return value;
    try { sent = await value; } catch (e) { how = 'throw'; sent = e; }
  }
})()`;
// As tsc and esbuild call them: of both `yield __await(x)` waits for x.
const awaiting = 'function __await(v) { if (!(this instanceof __await)) return new __await(v); this.v = v; }';
const asyncGenerator = `(self, args, body) => (async function* () {
  const it = body.apply(self, args || []);
  let how = 'next', sent;
  try {
    for (;;) {
      const { done, value } = it[how](sent);
      how = 'next';
      if (done) return value;
      try { sent = value instanceof __await ? await value.v : yield value; } catch (e) { how = 'throw'; sent = e; }
    }
  } finally { it.return(); }
})()`;
const read = `(from, most = Infinity) => {
  const read = [];
  if (most > 0) for (const one of from) if (read.push(one) >= most) break;
  return read;
}`;
const asyncValues = 'from => (async function* () { yield* from; })()';
const has = '(all, it) => all === it || all.has(it)';
const assign = 'Object.assign';
const rest = `(from, without) => Object.fromEntries(Object.entries(from).filter(([name]) => !without.includes(name)))`;
const itself = 'it => it';
const counter = `(() => {
  const all = new Proxy({}, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : all), set: () => true });
  return () => all;
})()`;

/** esbuild and tsx; tsc, also from tslib; SWC; Vite and Vitest. */
const WORDS: Record<string, string> = {
  __name: `(f, value) => Object.defineProperty(f, 'name', { value, configurable: true })`,
  __awaiter: awaiter,
  __assign: assign,
  __rest: rest,
  __spreadArray: '(to, from) => [...to, ...from]',
  __extends:
    '(to, from) => { Object.setPrototypeOf(to, from); Object.setPrototypeOf(to.prototype, from && from.prototype); }',
  __values: 'from => from[Symbol.iterator]()',
  __read: read,
  __await: awaiting,
  __asyncGenerator: asyncGenerator,
  // In a generator that is not asynchronous, too; what only an asynchronous one could go through throws.
  __yieldStar: itself,
  __asyncValues: asyncValues,
  __forAwait: asyncValues,
  __classPrivateFieldGet: `(it, all, kind, f) => kind === 'm' ? f : kind === 'a' ? f.call(it) : f ? f.value : all.get(it)`,
  __classPrivateFieldSet: `(it, all, v, kind, f) => (kind === 'a' ? f.call(it, v) : f ? (f.value = v) : all.set(it, v), v)`,
  __classPrivateFieldIn: has,
  __privateAdd: '(it, all, v) => all instanceof WeakSet ? all.add(it) : all.set(it, v)',
  __privateGet: '(it, all, get) => get ? get.call(it) : all.get(it)',
  __privateSet: '(it, all, v, set) => (set ? set.call(it, v) : all.set(it, v), v)',
  __privateIn: has,
  __privateMethod: '(it, all, method) => method',
  __publicField:
    '(it, name, value) => Object.defineProperty(it, name, { value, enumerable: true, configurable: true, writable: true })',
  __spreadValues: assign,
  __spreadProps: assign,
  __objRest: rest,
  __importStar: 'it => it?.__esModule ? it : Object.assign({}, it, { default: it })',
  __importDefault: 'it => it?.__esModule ? it : { default: it }',
  __toESM: 'it => Object.assign({}, it, { default: it })',
  __async: `(self, args, body) => (${awaiter})(self, args, 0, body)`,
  _async_to_generator: `body => function (...args) { return (${awaiter})(this, args, 0, body); }`,
  _object_spread: assign,
  _object_spread_props: assign,
  _extends: assign,
  __vite_ssr_dynamic_import__: 'name => import(name)',
  __vi_ssr_dynamic_import__: 'name => import(name)',
};

/**
 * The text of a function, with what it needs of these. It stays one expression, and its lines keep their order.
 * @throws SerializationError for a word of tslib that is none of these
 */
export function withCompilerWords(text: string): string {
  const words = new Set(Object.keys(WORDS).filter((word) => uses(text, word)));
  if (words.has('__asyncGenerator')) words.add('__await');
  // As an object with the helper in it SWC imports them.
  const value = (word: string): string =>
    text.includes(`${word}._`)
      ? `((it) => Object.assign((...args) => it(...args), { _: it }))(${WORDS[word]!})`
      : WORDS[word]!;
  const lines = [...words].map((word) => `const ${word} = ${value(word)};`);
  if (uses(text, 'tslib_1')) {
    const taken = [...new Set(Array.from(text.matchAll(/\btslib_1\.(\w+)/g), ([, word]) => word!))];
    const unknown = taken.filter((word) => !Object.hasOwn(WORDS, word));
    if (unknown.length > 0) throw new SerializationError(cure(unknown));
    if (taken.some((word) => word.startsWith('__async'))) lines.push(`const __await = ${awaiting};`);
    lines.push(
      `const tslib_1 = { ${taken.map((word) => `${word}: ${word === '__await' ? word : WORDS[word]!}`).join(', ')} };`,
    );
  }
  // Modules compiled to CommonJS import Node's own by it.
  if (/__importStar\(require\(|__toESM\(require\(/.test(text)) lines.push('const require = process.getBuiltinModule;');
  for (const name of new Set(text.match(/\bcov_\w+(?=\(\))/g))) lines.push(`const ${name} = ${counter};`);
  return lines.length === 0 ? text : `(() => { ${lines.join(' ')} return (${text}\n); })()`;
}

function uses(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$.])${word}\\b`).test(text);
}

/** As tsc, esbuild, SWC and Babel name them. */
const HELPER = /^(__[a-z]|tslib|_[a-z]+(_[a-z]|[A-Z])|_(extends|inherits|typeof)|regenerator|templateObject)/;

/** What is missing, with what to do where it looks as if a compiler had put it elsewhere. `own`: the function's name. */
export function withCure(fault: unknown, own: string): unknown {
  if (!(fault instanceof NotSelfContained)) return fault;
  // Of an async function Babel and SWC leave `return _name.apply(this, arguments)`.
  const helpers = fault.names.filter((name) => HELPER.test(name) || name === `_${own}`);
  return helpers.length === 0 ? fault : new NotSelfContained(`${fault.message} ${cure(helpers)}`, fault.problem);
}

function cure(helpers: readonly string[]): string {
  return `A compiler keeps ${helpers.join(', ')} elsewhere in the file: compile for ${/using|dispos/i.test(helpers.join()) ? 'ESNext' : 'ES2022 or newer'}, or register the source (\`mpcsfaas fn register FILE:NAME\`).`;
}
