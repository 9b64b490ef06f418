// One line on a terminal's stderr that is written over and over; nothing at all in a pipe.
import { canBeDrawnOver, hasColours, painted } from './colour.ts';

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

  #latest: Progress | undefined;
  #due: NodeJS.Timeout | undefined;

  /** Draws at most every REDRAW_MS; what is told sooner is drawn then. */
  show(progress: Progress): void {
    if (!canBeDrawnOver(process.stderr)) return;
    this.#latest = progress;
    const rest = this.#drawnAt + REDRAW_MS - performance.now();
    // Whoever is held up by one call only is to see all that had ended before.
    if (rest > 0) this.#due ??= setTimeout(() => this.#draw(), rest).unref();
    else this.#draw();
  }

  /** Takes the line away: for good, or before something is written to the same terminal. */
  clear(): void {
    this.#forget();
    if (this.#drawnAt === -Infinity) return;
    this.#drawnAt = -Infinity;
    process.stderr.write('\r\x1b[K');
  }

  #draw(): void {
    this.#forget();
    if (this.#latest === undefined) return;
    this.#drawnAt = performance.now();
    const seconds = (this.#drawnAt - this.#started) / 1000;
    // A terminal may not know, and says 0.
    const columns = process.stderr.columns || 80;
    process.stderr.write(`\r\x1b[K${barLine(this.#latest, seconds, columns, hasColours(process.stderr))}`);
  }

  #forget(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
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
