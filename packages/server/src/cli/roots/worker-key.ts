// The shared key of dispatchers and workers, and the rule that a port off loopback needs one.
import { readFileSync } from 'node:fs';
import { isLoopback } from '../../auth/index.ts';
import { UserError } from '../user-error.ts';

export interface WorkerKeyOptions {
  workerKey?: string;
  workerKeyFile?: string;
}

const MIN_LENGTH = 16;

/** '' where none is set. */
export function workerKeyOf(options: WorkerKeyOptions): string {
  const key = options.workerKeyFile === undefined ? (options.workerKey ?? '') : readKey(options.workerKeyFile);
  if (key !== '' && key.length < MIN_LENGTH) {
    throw new UserError(
      `The worker key is too short to protect anything: use at least ${MIN_LENGTH} characters, e.g. from \`openssl rand -hex 32\`.`,
    );
  }
  return key;
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UserError(
      `The worker key file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
    );
  }
}

/** The key of a dispatcher's port, '' where none is set or none is needed. @throws UserError where one is demanded. */
export function linkKey(options: WorkerKeyOptions & { mode: string; host: string }): string {
  if (options.mode === 'local') return '';
  refuseIpv6(options.host, "The workers' port");
  const key = workerKeyOf(options);
  demandWorkerKey(options.host, key);
  return key;
}

/** @throws UserError. The link between dispatchers and workers is IPv4; what else would be said is `No such device`. */
export function refuseIpv6(host: string, what: string): void {
  if (!host.includes(':')) return;
  throw new UserError(`${what} is an IPv4 address or a host's name, not ${host}: use 127.0.0.1 in place of ::1.`, 2);
}

/** @throws UserError where workers would be served beyond this machine without a key. */
function demandWorkerKey(host: string, key: string): void {
  if (isLoopback(host) || key !== '') return;
  throw new UserError(
    `Workers beyond this machine need a shared key: set MPCSFAAS_WORKER_KEY (or --worker-key-file) here and on the workers, or listen on 127.0.0.1.`,
  );
}
