// Colours: on a terminal alone, and never where NO_COLOR says so.
import type { WriteStream } from 'node:tty';
import { environment } from './options.ts';

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Record<Colour, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

const OF_STATUS: Record<string, Colour> = {
  ...{ COMPLETED: 'green', FAILED: 'red', CANCELED: 'dim', RUNNING: 'cyan', QUEUED: 'yellow', DELAYED: 'yellow' },
  ...{ BLOCKED: 'yellow', ready: 'green', draining: 'yellow', lost: 'red' },
};

export function hasColours(stream: Pick<WriteStream, 'isTTY'>): boolean {
  return canBeDrawnOver(stream) && (environment['NO_COLOR'] ?? '') === '';
}

/** A terminal that does more than to show one line after the other. */
export function canBeDrawnOver(stream: Pick<WriteStream, 'isTTY'>): boolean {
  return stream.isTTY && environment['TERM'] !== 'dumb';
}

export function painted(text: string, colour: Colour): string {
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}

/** A word of ours in its colour, blanks around it and all; another text as it is. */
export function statusPainted(text: string): string {
  const colour = OF_STATUS[text.trim()];
  return colour === undefined ? text : painted(text, colour);
}
