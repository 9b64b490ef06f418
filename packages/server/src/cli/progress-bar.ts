// One line on a terminal's stderr that is written over and over; nothing at all in a pipe.
import { hasColours, painted } from './colour.ts';

export interface Progress {
  ended: number;
  failed: number;
  submitted: number;
  /** Of the inputs, 0 … 1; undefined where their end is not known. */
  share: number | undefined;
}

const REDRAW_MS = 100;
const WIDTH = 24;

export class ProgressBar {
  readonly #started = performance.now();
  #drawnAt = -Infinity;

  /** Draws at most every REDRAW_MS. */
  show(progress: Progress): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    process.stderr.write(
      `\r\x1b[K${barLine(progress, (now - this.#started) / 1000, process.stderr.columns, hasColours(process.stderr))}`,
    );
  }

  /** Takes the line away: for good, or before something is written to the same terminal. */
  clear(): void {
    if (this.#drawnAt === -Infinity) return;
    this.#drawnAt = -Infinity;
    process.stderr.write('\r\x1b[K');
  }
}

export function barLine(
  { ended, failed, submitted, share }: Progress,
  seconds: number,
  columns: number,
  coloured: boolean,
): string {
  const full = share === undefined ? 0 : Math.round(share * WIDTH);
  const bar =
    share === undefined
      ? ''
      : `[${'#'.repeat(full)}${' '.repeat(WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)} % `;
  const rate = seconds > 0 ? Math.round(ended / seconds) : 0;
  const trouble = failed === 0 ? '' : `, ${failed} failed`;
  const text = `${bar}${ended} of ${submitted}${share === undefined ? ' so far' : ''}, ${rate}/s`.slice(
    0,
    Math.max(0, columns - trouble.length - 1),
  );
  return text + (coloured && trouble !== '' ? painted(trouble, 'red') : trouble);
}
