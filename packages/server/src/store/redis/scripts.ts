// The Lua scripts: read from beside the code that calls them, each with record.lua before its own lines.
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
    const text = [flags, record, ...lines].join('\n');
    return [name, { text, sha: createHash('sha1').update(text).digest('hex') }] as const;
  });
  return Object.fromEntries(scripts) as Record<ScriptName, Script>;
}
