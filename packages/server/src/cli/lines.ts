// The lines of a stream, as JSON lines are meant: ended by a line feed alone. node:readline ends them at U+2028 and U+2029
// too, which JSON lets stand in its texts.
import { UserError } from './user-error.ts';

const LINE_FEED = 10;

/**
 * Without their ends; a byte order mark at the beginning is none of the first one. The last may have no end. @throws
 * UserError, where one is no UTF-8
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  // A line may come in many pieces: they are joined once.
  let begun: Uint8Array[] = [];
  const text = (): string => {
    line += 1;
    const bytes = begun.length === 1 ? begun[0]! : Buffer.concat(begun);
    begun = [];
    try {
      const decoded = decoder.decode(bytes);
      return line === 1 ? decoded.replace(/^\ufeff/, '') : decoded;
    } catch {
      throw new UserError(
        `Line ${line} of the inputs is no UTF-8: save them as UTF-8, without which they are no JSON.`,
      );
    }
  };
  for await (const piece of stream) {
    let from = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, from)) {
      begun.push(piece.subarray(from, end));
      yield text();
      from = end + 1;
    }
    if (from < piece.length) begun.push(piece.subarray(from));
  }
  if (begun.length > 0) yield text();
}
