// The Lua side of the store: every act is a function of one library, which a server keeps and makes once. Each act's lines stand
// beside the code that calls it; record.lua is what they share (docs/decisions/0041-acts-are-functions-of-a-library.md).
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

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

export type ActName = keyof typeof FILES;

export interface Library {
  /** Ends in a digest of the text: programs of other versions have a library of their own beside this one. */
  name: string;
  text: string;
  /** What FCALL knows each act by. */
  functions: Record<ActName, string>;
}

/** Reads the files. @throws Error where a file does not begin with its flags */
export function readLibrary(): Library {
  const beside = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');
  const record = beside('record.lua');
  const acts = Object.entries(FILES).map(([act, file]) => [act, beside(file)] as const);
  const digest = createHash('sha1').update(record).update(JSON.stringify(acts));
  const name = `mpcsfaas_${digest.digest('hex').slice(0, DIGEST_DIGITS)}`;
  const nameOf = (act: string): string => `${name}_${act}`;
  const text = [`#!lua name=${name}`, record, ...acts.map(([act, lines]) => registered(nameOf(act), lines))].join('\n');
  const functions = Object.fromEntries(acts.map(([act]) => [act, nameOf(act)])) as Record<ActName, string>;
  return { name, text, functions };
}

const DIGEST_DIGITS = 12;

function registered(name: string, lines: string): string {
  const [, flags] = /^-- flags: (\S+)\n/.exec(lines) ?? [];
  if (flags === undefined) throw new Error(`${name} does not begin with its flags`);
  return `act('${name}', {${flags === 'none' ? '' : ` '${flags}' `}}, function()\n${lines}end)\n`;
}

/** Gives the server the library, unless it keeps it already: one that is at maxmemory takes no new one. */
export async function loadLibrary(redis: Redis, { name, text }: Library): Promise<void> {
  const kept = await redis.function('LIST', 'LIBRARYNAME', name);
  if (kept.length === 0) await redis.function('LOAD', 'REPLACE', text);
}
