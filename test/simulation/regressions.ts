// Schedules that failed once, as they were when they had been shrunk, and what was wrong.
import type { Schedule } from './plan.ts';
import kept from './regressions.json' with { type: 'json' };

export const REGRESSIONS = kept as { name: string; schedule: Schedule }[];
