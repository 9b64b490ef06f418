// Small stand-ins for what compilers write into functions and define elsewhere in the file, each as the text that travels.
// Every text here is a program: what is published is without the blanks that separate no words (scripts/build.mjs).

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
export const counter = `(() => {
  const all = new Proxy({}, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : all), set: () => true });
  return () => all;
})()`;

/** esbuild and tsx; tsc, also from tslib; SWC; Vite and Vitest. */
export const WORDS: Record<string, string> = {
  __name: `(f, value) => Object.defineProperty(f, 'name', { value, configurable: true })`,
  __awaiter: awaiter,
  __assign: assign,
  __rest: rest,
  __spreadArray: '(to, from) => [...to, ...from]',
  __extends:
    '(to, from) => { Object.setPrototypeOf(to, from); Object.setPrototypeOf(to.prototype, from && from.prototype); }',
  __values: 'from => from[Symbol.iterator]()',
  __read: read,
  // As tsc and esbuild call it: of both `yield __await(x)` waits for x.
  __await: 'function __await(v) { if (!(this instanceof __await)) return new __await(v); this.v = v; }',
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
