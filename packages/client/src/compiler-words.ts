// What compilers write into functions and define elsewhere in the file: stand-ins for it travel along. A function
// keeps its meaning without what they do for debuggers and coverage. Of the rest it is said what to do.
import { counter, WORDS } from './compiler-helpers.ts';
import { NotSelfContained, SerializationError } from './errors.ts';

/**
 * The text of a function, with what it needs of these. It stays one expression, and its lines keep their order.
 * @throws SerializationError for a word of tslib that is none of these
 */
export function withCompilerWords(text: string): string {
  const taken = [...new Set(Array.from(text.matchAll(/\btslib_1\.(\w+)/g), ([, word]) => word!))];
  const unknown = taken.filter((word) => !Object.hasOwn(WORDS, word));
  if (unknown.length > 0) throw new SerializationError(cure(unknown));
  const words = new Set(Object.keys(WORDS).filter((word) => new RegExp(`(?<![\\w$.])${word}\\b`).test(text)));
  // One for both: the generator asks whether it is that one's.
  if ([...words, ...taken].includes('__asyncGenerator')) words.add('__await');
  // As an object with the helper in it SWC imports them.
  const value = (word: string): string =>
    text.includes(`${word}._`)
      ? `((it) => Object.assign((...args) => it(...args), { _: it }))(${WORDS[word]!})`
      : WORDS[word]!;
  const lines = [...words].map((word) => `const ${word} = ${value(word)};`);
  if (taken.length > 0) {
    const helpers = taken.map((word) => `${word}: ${word === '__await' ? word : WORDS[word]!}`);
    lines.push(`const tslib_1 = { ${helpers.join(', ')} };`);
  }
  // Modules compiled to CommonJS import Node's own by it.
  if (/__importStar\(require\(|__toESM\(require\(/.test(text)) lines.push('const require = process.getBuiltinModule;');
  for (const name of new Set(text.match(/\bcov_\w+(?=\(\))/g))) lines.push(`const ${name} = ${counter};`);
  return lines.length === 0 ? text : `(() => { ${lines.join(' ')} return (${text}\n); })()`;
}

/** As tsc, esbuild, SWC and Babel name them. */
const HELPER = /^(__[a-z]|tslib|_[a-z]+(_[a-z]|[A-Z])|_(extends|inherits|typeof)|regenerator|templateObject)/;

/** What is missing, with what to do where it looks as if a compiler had put it elsewhere. `own`: the function's name. */
export function withCure(fault: unknown, own: string): unknown {
  if (!(fault instanceof NotSelfContained)) return fault;
  // Of an async function Babel and SWC leave `return _name.apply(this, arguments)`; of one without a name no `_` alone.
  const helpers = fault.names.filter((name) => HELPER.test(name) || (own && name === `_${own}`));
  return helpers.length === 0 ? fault : new NotSelfContained(`${fault.message} ${cure(helpers)}`, fault.problem);
}

function cure(helpers: readonly string[]): string {
  return `A compiler keeps ${helpers.join(', ')} elsewhere in the file: compile for ${/using|dispos/i.test(helpers.join()) ? 'ESNext' : 'ES2022 or newer'}, or register the source (\`mpcsfaas fn register FILE:NAME\`).`;
}
