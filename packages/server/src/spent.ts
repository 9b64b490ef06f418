// Bytes whose memory is given back at once. V8 frees a buffer when it collects its whole heap, and collects that once so many
// bytes of buffers have been made: where payloads are large, most of the work of a program that passes them on.

const NOTHING = Buffer.alloc(0);
/** Below, the memory is not worth the call. */
const WORTH_BYTES = 16 * 1024;

/** Gives the memory of bytes back that nobody reads any more. What shares its memory with others is left to V8. */
export function spend(bytes: Buffer): void {
  const { buffer } = bytes;
  if (bytes.length < WORTH_BYTES || bytes.length !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The pieces as one, and spent where there was more than one. */
export function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  if (first === undefined) return NOTHING;
  if (pieces.length === 1) return first;
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) spend(piece);
  return whole;
}
