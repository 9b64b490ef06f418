// The logger: structured lines; where they go and which are written is the caller's choice.
import { pino } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';

export type { Logger } from 'pino';

/** Keys never reach a line. */
const REDACT = ['req.headers.authorization', 'headers.authorization', 'authorization'];

/** `component` names the program in every line. */
export function makeLogger(component: string, level: Level | 'silent', destination: DestinationStream): Logger {
  return pino({ level, base: { component }, redact: REDACT, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
