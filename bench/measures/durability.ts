// What more or less durability costs, beside everysec and normal: the one list of settings.
import type { Form, SystemOptions } from '../../test/harness/system.ts';
import { contest, type Contest, type Score } from '../contest.ts';
import type { Plan } from '../measure.ts';
import type { Running } from '../ours.ts';

/** A system of ours that is measured. */
export interface Subject {
  /** What its rows begin with. */
  name: string;
  options: SystemOptions;
  /** Its setting of durability where the name tells it, else ''. */
  setting: string;
  /** It is as durable as every system whose name does not tell it: AOF everysec, `--sync normal`. */
  usual: boolean;
}

export const SETTINGS: readonly Subject[] = [
  subject('redis push', 'AOF off', { appendfsync: 'no-aof' }),
  subject('redis push', 'AOF everysec'),
  subject('redis push', 'AOF always', { appendfsync: 'always' }),
  subject('embedded local', '--sync normal'),
  subject('embedded local', '--sync full', { args: ['--sync', 'full'] }),
];

function subject(form: Form, setting: string, changed?: Partial<SystemOptions>): Subject {
  const name = setting === '' ? `ours ${form}` : `ours ${form}, ${setting}`;
  return { name, setting, options: { form, ...changed }, usual: changed === undefined };
}

/** The forms as durable as usual, then those of them that have one in each other setting; with `plan.quick` only the former. */
export function subjects(plan: Plan, forms: readonly Form[]): Subject[] {
  const others = SETTINGS.filter(({ usual, options }) => !usual && forms.includes(options.form));
  return [...forms.map((form) => subject(form, '')), ...(plan.quick ? [] : others)];
}

/** A contest of its own: the settings in turns, under one load, with Python's no-op. */
export function durability(plan: Plan, load: (running: Running, seconds: number) => Promise<Score>): Promise<Contest> {
  const shared = plan.systems();
  const contestants = SETTINGS.map(({ name, options }) => shared.contestant(`${name}, python`, options, load));
  return contest(contestants, plan);
}
