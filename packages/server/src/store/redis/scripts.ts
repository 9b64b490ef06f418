// The Lua scripts: read from beside the code that calls them, each with what it needs of record.lua before its own lines.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Script {
  text: string;
  sha: string;
}

const FILES = {
  submit: 'queue/submit.lua',
  claim: 'queue/claim.lua',
  renew: 'queue/renew.lua',
  release: 'queue/release.lua',
  settle: 'queue/settle.lua',
  cancel: 'queue/cancel.lua',
  abandon: 'queue/abandon.lua',
  sweep: 'queue/sweep.lua',
  depths: 'queue/depths.lua',
  pin: 'results/pin.lua',
  logs: 'results/logs.lua',
  register: 'functions/register.lua',
  delete: 'functions/delete.lua',
  reap: 'functions/reap.lua',
  put: 'put.lua',
} as const;

export type ScriptName = keyof typeof FILES;

/** Reads all scripts. The first line of each (its flags) stays first. */
export function readScripts(): Record<ScriptName, Script> {
  const beside = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
  const record = beside('record.lua');
  const scripts = Object.entries(FILES).map(([name, file]) => {
    const [flags = '', ...lines] = beside(file).split('\n');
    const act = lines.join('\n');
    const text = [flags, neededOf(record, act), act].join('\n');
    return [name, { text, sha: createHash('sha1').update(text).digest('hex') }] as const;
  });
  return Object.fromEntries(scripts) as Record<ScriptName, Script>;
}

/** A function of record.lua, from its first line to its last. */
const FUNCTION = /^local function (\w+)\([^]*?^end$/gm;

/**
 * record.lua without the functions that `act` does not come to call: every run of a script makes all of its functions anew,
 * in some 30 µs for all of record.lua.
 */
function neededOf(record: string, act: string): string {
  const functions = new Map([...record.matchAll(FUNCTION)].map(([text, name = '']) => [name, text]));
  const needed = new Set<string>();
  const need = (text: string): void => {
    for (const [word] of text.matchAll(/\w+/g)) {
      const called = needed.has(word) ? undefined : functions.get(word);
      if (called === undefined) continue;
      needed.add(word);
      need(called);
    }
  };
  need(act);
  return record.replace(FUNCTION, (text, name: string) => (needed.has(name) ? text : ''));
}
