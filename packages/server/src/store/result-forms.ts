// A result's forms as every store keeps them: one of no bytes is none, for neither JSON nor a pickle is ever empty.
import type { ResultForms } from '../lifecycle/outcome.ts';

export function filledForms({ json, pickle }: ResultForms): ResultForms {
  return {
    ...(json !== undefined && json.length > 0 && { json }),
    ...(pickle !== undefined && pickle.length > 0 && { pickle }),
  };
}
