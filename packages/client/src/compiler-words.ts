// What compilers write into functions and define elsewhere in the file: small stand-ins that travel along. A function
// keeps its meaning without what they do for debuggers and coverage.

const awaiter = `(self, args, P, body) => new Promise((resolve, reject) => {
  const it = body.apply(self, args || []);
  const step = (how, value) => {
    try {
      const { done, value: next } = it[how](value);
      if (done) resolve(next);
      else Promise.resolve(next).then((v) => step('next', v), (e) => step('throw', e));
    } catch (e) { reject(e); }
  };
  step('next');
})`;
const assign = 'Object.assign';
const rest = `(from, without) => Object.fromEntries(Object.entries(from).filter(([name]) => !without.includes(name)))`;
const itself = '(it) => it';
const counter = `(() => {
  const all = new Proxy({}, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : all), set: () => true });
  return () => all;
})()`;

/** esbuild and tsx; tsc, also from tslib; SWC; Vite and Vitest. */
const WORDS: Record<string, string> = {
  __name: itself,
  __awaiter: awaiter,
  __assign: assign,
  __rest: rest,
  __spreadArray: '(to, from) => to.concat(Array.from(from))',
  __spreadValues: assign,
  __spreadProps: assign,
  __objRest: rest,
  __importStar: '(it) => (it && it.__esModule ? it : Object.assign({}, it, { default: it }))',
  __importDefault: '(it) => (it && it.__esModule ? it : { default: it })',
  __toESM: '(it) => Object.assign({}, it, { default: it })',
  __async: `(self, args, body) => (${awaiter})(self, args, 0, body)`,
  _async_to_generator: `(body) => function (...args) { return (${awaiter})(this, args, 0, body); }`,
  _object_spread: assign,
  _object_spread_props: assign,
  _extends: assign,
  __vite_ssr_dynamic_import__: '(name) => import(name)',
  __vi_ssr_dynamic_import__: '(name) => import(name)',
};

/** The text of a function, with what it needs of these. It stays one expression, and its lines keep their order. */
export function withCompilerWords(text: string): string {
  const words = Object.entries(WORDS).filter(([word]) => uses(text, word));
  const lines = words.map(([word, code]) => `const ${word} = ${code};`);
  if (uses(text, 'tslib_1'))
    lines.push(
      `const tslib_1 = { ${Object.keys(WORDS)
        .filter((word) => text.includes(`tslib_1.${word}`))
        .map((word) => `${word}: ${WORDS[word] ?? ''}`)
        .join(', ')} };`,
    );
  // Modules compiled to CommonJS import Node's own by it.
  if (/__importStar\(require\(|__toESM\(require\(/.test(text)) lines.push('const require = process.getBuiltinModule;');
  for (const name of new Set(text.match(/\bcov_\w+(?=\(\))/g))) lines.push(`const ${name} = ${counter};`);
  return lines.length === 0 ? text : `(() => { ${lines.join(' ')} return (${text}\n); })()`;
}

function uses(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$.])${word}\\b`).test(text);
}
