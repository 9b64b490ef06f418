// What more or less durability costs, beside everysec and normal.
import type { SystemOptions } from '../../test/harness/system.ts';
import { contest, type Contest, type Score } from '../contest.ts';
import type { Plan } from '../measure.ts';
import type { Running } from '../ours.ts';

const SETTINGS: readonly [string, SystemOptions][] = [
  ['ours redis push, AOF off', { form: 'redis push', appendfsync: 'no-aof' }],
  ['ours redis push, AOF everysec', { form: 'redis push' }],
  ['ours redis push, AOF always', { form: 'redis push', appendfsync: 'always' }],
  ['ours embedded local, --sync normal', { form: 'embedded local' }],
  ['ours embedded local, --sync full', { form: 'embedded local', args: ['--sync', 'full'] }],
];

/** A contest of its own: the settings in turns, under one load, with Python's no-op. */
export function durability(plan: Plan, load: (running: Running, seconds: number) => Promise<Score>): Promise<Contest> {
  const shared = plan.systems();
  const contestants = SETTINGS.map(([name, options]) => shared.contestant(`${name}, python`, options, load));
  return contest(contestants, plan);
}
