// The client's interfaces are those of the contract as it is now.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ERRORS } from '@mpcsfaas/contract';
import { FaasError, RemoteError, TaskCanceled, TaskTimeout, WorkerLost } from '../src/index.ts';
import * as client from '../src/index.ts';
import { refusal } from '../src/errors.ts';

it('are made from it: run `node scripts/contract-interfaces.mjs` where this fails', async () => {
  const made = '../../../scripts/contract-interfaces.mjs';
  const { contractInterfaces, target } = (await import(made)) as {
    contractInterfaces: () => Promise<string>;
    target: string;
  };
  expect(readFileSync(target, 'utf8')).toBe(await contractInterfaces());
});

/** Ends of calls come as results of tasks, and not as problems. */
const ENDS = new Set<string>([RemoteError.name, TaskCanceled.name, TaskTimeout.name, WorkerLost.name]);

it.each(Object.entries(ERRORS))('%s is thrown as the class that the contract names', (code, { status, sdk }) => {
  // `/v1/call` alone says so, which the client never asks.
  if (sdk === 'NoWorker') return expect(client).not.toHaveProperty(sdk);
  const Class = (client as Record<string, unknown>)[sdk] as typeof FaasError;
  expect(Class.prototype).toBeInstanceOf(FaasError);
  if (ENDS.has(sdk)) return;
  const problem = { type: '', title: '', status, detail: 'So it is.', code, request_id: 'r' };
  const error = refusal(problem, 'http://127.0.0.1:8000');
  expect([error.constructor, error.name]).toEqual([Class, sdk]);
});
