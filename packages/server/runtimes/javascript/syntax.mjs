// What Node does not take as it is, by the signs of it: V8 tells no line of a module that it cannot read, and the parser of
// TypeScript knows decorators, which V8 does not, but no JSX.

const COMPILE =
  'compile the file first, for example with `npx esbuild FILE --bundle --platform=node --format=esm --target=node24`';

/** V8's message → what is meant where the parser of TypeScript has taken the same text. */
const UNKNOWN_TO_V8 = [
  { message: /^Invalid or unexpected token$/, what: 'decorators', sign: /(?:^|[{};(,])\s*(?:\w+\s+)*@[\w$(]/ },
  {
    message: /^Unexpected (?:identifier|token|private|string|number)/,
    what: '`accessor`',
    sign: /\baccessor\s+[\w$#['"]/,
  },
];
const JSX = /(?<![\w$)\]]\s*)<(?:[A-Za-z]|>)|<\/[A-Za-z>]|\/>/;
const JSX_END = /<\/(?:[A-Za-z][\w.]*)?\s*>|\/>/;

/** The whole sentence for a message of V8 without a line; the message itself where nothing more can be told. */
export function withoutLine(message, source) {
  for (const { message: known, what, sign } of UNKNOWN_TO_V8) {
    if (!known.test(message)) continue;
    const line = source.split('\n').findIndex((text) => sign.test(text)) + 1;
    if (line > 0) return `line ${line}: ${message}; Node does not take ${what}: ${COMPILE}`;
  }
  return message;
}

/** What to add to a message of the parser of TypeScript about this line; '' = nothing. */
export function jsxAdvice(source, line) {
  const isJsx = JSX.test(source.split('\n')[line - 1] ?? '') && JSX_END.test(source);
  return isJsx ? `; Node does not take JSX: ${COMPILE}` : '';
}
