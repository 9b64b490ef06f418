// A function's own text, as it travels; what has none, or none that stands by itself, is told what to do.
import { withCompilerWords } from './compiler-words.ts';
import { SerializationError } from './errors.ts';

/** What may stand between two words. */
const GAP = String.raw`(?:\s|/\*[^]*?\*/|//.*\n)*`;
const STANDS_ALONE = new RegExp(
  String.raw`^(async\b${GAP})?(function\b|\(|[\p{ID_Start}$_][\p{ID_Continue}$]*${GAP}=>)`,
  'u',
);

/** @throws SerializationError */
export function sourceOf(fn: (...args: never[]) => unknown): string {
  if (typeof fn !== 'function') throw new SerializationError('What is registered must be a function, or { source }.');
  const text = Function.prototype.toString.call(fn);
  const name = fn.name === '' ? 'This function' : `The function ${fn.name}`;
  const wrap = 'Register an arrow function that calls it, with all that it needs inside';
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw new SerializationError(`${name} is built in or bound, and has no text that could travel. ${wrap}.`);
  }
  if (/^class\b/.test(text)) {
    throw new SerializationError(
      `${fn.name || 'This'} is a class. Register a function that makes one, with the class inside.`,
    );
  }
  if (!STANDS_ALONE.test(text)) {
    throw new SerializationError(`${name} is a method, whose text does not stand by itself. ${wrap}.`);
  }
  return withCompilerWords(text);
}
