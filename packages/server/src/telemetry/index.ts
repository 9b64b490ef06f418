// What the programs say of themselves: lines (logger.ts) and numbers (metrics.ts).
export { makeLogger } from './logger.ts';
export type { Logger } from './logger.ts';
export { Metrics } from './metrics.ts';
export type { HistogramData, Measured } from './metrics.ts';
