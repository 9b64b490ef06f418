// The lines of a stream, as JSON lines are meant: ended by a line feed alone. node:readline ends them at U+2028 and U+2029
// too, which JSON lets stand in its texts.

/** Without their ends; a byte order mark at the beginning is none of the first one. The last may have no end. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // A line may come in many pieces: they are joined once.
  let begun: string[] = [];
  for await (const piece of stream) {
    const [first = '', ...rest] = decoder.decode(piece, { stream: true }).split('\n');
    begun.push(first);
    for (const next of rest) {
      yield begun.join('');
      begun = [next];
    }
  }
  begun.push(decoder.decode());
  const last = begun.join('');
  if (last !== '') yield last;
}
