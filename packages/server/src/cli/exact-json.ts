// JSON whose numbers stay as they are written: 1.0 is no integer to Python, and 2**70 fits no double.

/** ECMAScript's JSON.rawJSON and the third argument of a reviver, of which the types know nothing yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse: (text: string, reviver: (key: string, read: unknown, context: { source: string }) => unknown) => unknown;
  rawJSON: (text: string) => unknown;
};

/** As JSON.parse; a number that JSON.stringify would write otherwise is kept so that it does not. @throws SyntaxError */
export function parseExact(text: string): unknown {
  return parse(text, (_key, read, { source }) =>
    typeof read === 'number' && JSON.stringify(read) !== source ? rawJSON(source) : read,
  );
}
