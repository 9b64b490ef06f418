// How a function is named: by id, by name (its newest version) or by name@version; and when two registrations are one.
import { isWellFormedId } from '../lifecycle/ids.ts';
import type { FunctionRecord, NewFunction } from './functions.ts';

export type FunctionRef =
  { by: 'id'; id: string } | { by: 'name'; name: string } | { by: 'version'; name: string; version: number };

export function parseRef(ref: string): FunctionRef {
  if (isWellFormedId(ref)) return { by: 'id', id: ref.toLowerCase() };
  const [, name, version] = /^(.*)@([1-9]\d{0,8})$/.exec(ref) ?? [];
  return name === undefined ? { by: 'name', name: ref } : { by: 'version', name, version: Number(version) };
}

/** The record of a new function, its bytes aside. */
export function recordOf(fn: NewFunction, id: string, version: number, createdAt: number): FunctionRecord {
  const { code, ...described } = fn;
  return { ...described, id, version, createdAt, codeBytes: code.length };
}

/** Are these the same code, entry and options, so that registering again makes no new version? */
export function isSameFunction(newest: FunctionRecord, fn: NewFunction): boolean {
  return identity(newest) === identity(fn);
}

function identity(fn: Omit<NewFunction, 'code'>): string {
  const defaults = Object.entries(fn.defaults).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([fn.runtime, fn.form, fn.entry, fn.python, fn.digest, fn.description, defaults]);
}
