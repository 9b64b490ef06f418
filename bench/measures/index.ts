// All measures, in their order.
import type { Measure } from '../measure.ts';
import { t1 } from './t1-throughput.ts';
import { t2 } from './t2-one-a-request.ts';
import { t3 } from './t3-latency.ts';
import { t4 } from './t4-payloads.ts';
import { t5 } from './t5-first-call.ts';
import { t6 } from './t6-depth.ts';
import { t7 } from './t7-scaling.ts';
import { t8 } from './t8-memory.ts';
import { t9 } from './t9-choice.ts';
import { t10 } from './t10-mixed.ts';
import { t11 } from './t11-polling.ts';

export const MEASURES: readonly Measure[] = [t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11];
