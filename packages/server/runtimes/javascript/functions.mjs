// Users' code as callables: an ES module's text, or a bare function expression; TypeScript loses its types.
import { stripTypeScriptTypes } from 'node:module';
import { Script } from 'node:vm';
import { Failure } from './failures.mjs';
import { moduleUrl } from './module-url.mjs';
import { jsxAdvice, withoutLine } from './syntax.mjs';

/** The callable of {source, entry, name}. Throws Failure `load_failed`. */
export async function loadFunction({ source, entry, name }) {
  const file = (name || entry || 'source').replaceAll(/[^\w.-]/g, '_');
  let exported;
  try {
    exported = await evaluate(source, file);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw failed(`cannot load the function: ${told(error, file, source)}`, error);
    exported = await evaluateTypeScript(source, file, error);
  }
  return entryOf(exported, entry);
}

async function evaluateTypeScript(source, file, first) {
  let stripped;
  try {
    stripped = stripTypeScriptTypes(source, { mode: 'strip' });
  } catch (wrong) {
    // It is neither. V8 tells no line of a module that it cannot read; this parser reads both languages and does.
    const line = /^[^\n]*:(\d+)\n/.exec(wrong.stack ?? '')?.[1];
    const where = line === undefined ? '' : `line ${line}: `;
    const erasable =
      wrong.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
        ? '; only TypeScript that can be erased is taken: no enums, namespaces or parameter properties'
        : jsxAdvice(source, Number(line));
    throw failed(`cannot load the function: ${where}${wrong.message}${erasable}`, first);
  }
  try {
    return await evaluate(stripped, file);
  } catch (error) {
    throw failed(`cannot load the function: ${told(error, file, source)}`, error);
  }
}

const META = /\bimport\s*\.\s*meta\b/g;
const COMMON_JS = /^(module|exports|require) is not defined/;

/** What was thrown while the source was evaluated, with its line where the stack has one. */
function told(error, file, source) {
  const message = String(error?.message ?? error);
  const line = String(error?.stack ?? '').match(new RegExp(`function:${RegExp.escape(file)}:(\\d+)`))?.[1];
  if (line === undefined && error instanceof SyntaxError) return withoutLine(message, source);
  const where = line === undefined ? '' : `line ${line}: `;
  const word = error instanceof ReferenceError ? COMMON_JS.exec(message)?.[1] : undefined;
  if (word === undefined) return `${where}${message}`;
  const instead =
    word === 'require' ? '`import … from` in place of `require`' : '`export default` in place of `module.exports`';
  return `${where}${message}: this is CommonJS, and an ES module is wanted; write ${instead}`;
}

/** The module's exports; of a bare expression, its value as the default export. */
async function evaluate(source, file) {
  // What stands before it stays: lines are told by their numbers.
  const expression = source.trimEnd().replace(/;+$/, '');
  const text = isExpression(expression) ? `export default (${expression}\n);` : source;
  return import(moduleUrl(text, file));
}

function isExpression(text) {
  try {
    new Script(`(${text}\n)`);
    return true;
  } catch (error) {
    // A script has none; a module's expression does.
    const without = text.replace(META, 'meta');
    return error.message === "Cannot use 'import.meta' outside a module" && without !== text && isExpression(without);
  }
}

function entryOf(exported, entry) {
  const names = Object.keys(exported).filter((name) => typeof exported[name] === 'function');
  if (entry !== '') {
    if (typeof exported[entry] === 'function') return exported[entry];
    throw failed(`the source exports no function '${entry}'; it exports ${names.join(', ') || 'none'}`);
  }
  if (typeof exported.default === 'function') return exported.default;
  if (names.length === 1) return exported[names[0]];
  throw failed(
    names.length === 0
      ? 'the source exports no function: write "export default" before it'
      : `the source exports several functions (${names.join(', ')}): say which one to call with "entry"`,
  );
}

function failed(message, cause) {
  const error = cause instanceof SyntaxError ? new SyntaxError(message) : new TypeError(message);
  if (cause?.stack) error.stack = cause.stack;
  return new Failure('load_failed', error);
}
