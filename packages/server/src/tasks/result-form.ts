// The form in which a result is told: all that are stored, or the one asked for.
import type { EndedTask } from '../store/index.ts';
import { Refusal } from './refusal.ts';

/** Refuses a form that is not stored, naming those that are. */
export function inForm(end: EndedTask, as: 'json' | 'pickle' | undefined): { json?: Buffer; pickle?: Buffer } {
  const { json, pickle } = end.result;
  if (as === undefined) return end.result;
  if (end.state === 'COMPLETED' && (as === 'json' ? json : pickle) === undefined) {
    const stored = [...(json === undefined ? [] : ['json']), ...(pickle === undefined ? [] : ['pickle'])];
    throw new Refusal(
      'result_form_not_stored',
      `The result of task ${end.id} is stored as ${stored.join(' and ')}, not as ${as}. The form is chosen at submit, by \`result_as\`.`,
      { stored, task_id: end.id },
    );
  }
  if (as === 'json') return json === undefined ? {} : { json };
  return pickle === undefined ? {} : { pickle };
}
