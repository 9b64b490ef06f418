// A terminal that is drawn over, and left as it was found: the other screen, no cursor, keys as they are pressed.

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CTRL_C = '\u0003';

export class TerminalScreen {
  readonly #onKey = (key: string): void => {
    if (key === CTRL_C || key.toLowerCase() === 'q') this.#quit();
  };
  readonly #quit: () => void;
  #left = false;

  /** `quit`: somebody wants to leave. */
  constructor(quit: () => void) {
    this.#quit = quit;
    process.stdout.write(ENTER);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true).setEncoding('utf8').on('data', this.#onKey).resume();
  }

  get size(): { columns: number; rows: number } {
    const { columns, rows } = process.stdout;
    // The last line stays free: a full one would scroll.
    return { columns: columns || 80, rows: (rows || 24) - 1 };
  }

  draw(lines: readonly string[]): void {
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  /** Idempotent. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    if (process.stdin.isTTY) process.stdin.off('data', this.#onKey).setRawMode(false).pause();
    process.stdout.write(LEAVE);
  }
}
