// How many columns of a terminal a text takes: not as many as it has characters. Wide are those that Unicode's UAX #11 calls
// so (East_Asian_Width W and F) and emoji; marks are drawn over what stands before them. Where terminals differ (what is
// joined to one emoji, the parts of Hangul syllables) it is the most that one of them takes: better a gap than a line that
// wraps.

/** Of East_Asian_Width W and F, what is no emoji; in whole blocks, with the gaps in them that are kept for more of the kind. */
const WIDE = String.raw`\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d37f}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}`;

/** One character each, or the code of a colour: those that take none, those that take two. Half a flag takes one. */
const PIECES = new RegExp(
  String.raw`(\x1b\[\d+m|[\p{Mn}\p{Me}\u200b-\u200f\u2060-\u2064\ufeff])|((?!\p{RI})\p{Emoji_Presentation}|[${WIDE}]|.\ufe0f)|.`,
  'gsu',
);

const ASCII = /^[ -~]*$/;

/** Of a text without control characters; the codes of colours take none. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let columns = 0;
  for (const [, width] of piecesOf(text)) columns += width;
  return columns;
}

/** As much of its beginning as `columns` hold, and all codes of colours. */
export function cutTo(text: string, columns: number): string {
  let room = columns;
  let kept = '';
  for (const [piece, width] of piecesOf(text)) {
    room -= width;
    if (room >= 0 || piece.startsWith('\x1b')) kept += piece;
  }
  return kept;
}

/** With blanks after it. */
export function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

function* piecesOf(text: string): Generator<[piece: string, columns: number]> {
  for (const [piece, none, wide] of text.matchAll(PIECES))
    yield [piece, none !== undefined ? 0 : wide !== undefined ? 2 : 1];
}
