// How the programs log: one structured line an event, on stderr.
import { pino } from 'pino';
import { makeLogger, type Logger } from '../../telemetry/logger.ts';

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** `component` names the program in every line. */
export function openLogger(component: string, level: LogLevel): Logger {
  return makeLogger(component, level, pino.destination({ fd: 2, sync: true }));
}

export function logTo(logger: Logger): Log {
  return (level, message, fields) => logger[level](fields ?? {}, message);
}
