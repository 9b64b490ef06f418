// The service under fuzz: odd requests over kept connections, bytes that are no HTTP over others, and what must not come back.
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { ERRORS, type ErrorCode } from '@mpcsfaas/contract';
import { oddRequests, rawBytes, type OddRequest } from './requests.ts';

/** Requests drawn at a time, and sent at a time. */
const CHUNK = 500;
const AT_ONCE = 32;
/** One that waits, as it was asked to, is given up after this, ms. */
const PATIENCE_MS = 150;
/** Where nothing at all was answered meanwhile, the machine is slow: it has so many times that. */
const SLOW = 10;
/** One in so many goes over a connection of its own, as bytes. */
const RAW_EVERY = 20;

export interface Answers {
  /** Status → how often; 0 = given up while it waited, 1 = hung up on. */
  statuses: Map<number, number>;
  /** Answers that must not be: with the request that got them. */
  bad: string[];
}

const STATUSES = new Set<number>([
  200,
  201,
  202,
  204,
  302,
  304,
  400,
  408,
  ...Object.values(ERRORS).map(({ status }) => status),
]);

/** Sends `count` requests to the service at `url`; `between` runs after every chunk. */
export async function fuzzService(
  url: string,
  real: ReadonlyMap<string, string>,
  count: number,
  seed: number,
  between: (done: number) => Promise<void>,
): Promise<Answers> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const answers: Answers = { statuses: new Map(), bad: [] };
  const arbitrary = oddRequests(real);
  for (let done = 0; done < count; done += CHUNK) {
    const size = Math.min(CHUNK, count - done);
    const odd = fc.sample(arbitrary, { seed: seed + done, numRuns: size });
    const raw = fc.sample(rawBytes, { seed: seed + done, numRuns: Math.ceil(size / RAW_EVERY) });
    const waiting = odd.map(
      (one, at) => () => (at % RAW_EVERY === 0 ? sendRaw(url, raw[at / RAW_EVERY]!) : send(url, agent, one, answers)),
    );
    const next = async (): Promise<void> => {
      for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) await one();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    await between(done + size);
  }
  agent.destroy();
  return answers;
}

function send(url: string, agent: Agent, odd: OddRequest, { statuses, bad }: Answers): Promise<void> {
  return new Promise((resolve) => {
    let done = false;
    const over = (status: number, text: string): void => {
      // Giving up is an error of the request, too.
      if (done) return;
      done = true;
      clearInterval(patience);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const fault = faultOf(status, text, odd.method);
      if (fault !== '')
        bad.push(
          `${fault}: ${odd.method} ${odd.path.slice(0, 200)} ${JSON.stringify(odd.headers)} ${String(odd.body?.subarray(0, 300) ?? '')} → ${status} ${text.slice(0, 300)}`,
        );
      resolve();
    };
    let asking: ReturnType<typeof request>;
    let seen = answered(statuses);
    let looks = 0;
    const patience = setInterval(() => {
      const isSlow = answered(statuses) === seen;
      seen = answered(statuses);
      looks += 1;
      if (isSlow && looks < SLOW) return;
      over(0, '');
      asking.destroy();
    }, PATIENCE_MS);
    try {
      asking = request(`${url}${odd.path}`, {
        agent,
        method: odd.method,
        headers: { ...odd.headers, ...(odd.body && { 'content-length': odd.body.length }) },
      });
    } catch {
      // What Node refuses to send is none of the service's business.
      clearInterval(patience);
      return resolve();
    }
    asking.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => over(response.statusCode!, Buffer.concat(pieces).toString()));
      response.on('error', () => undefined);
    });
    // A refused body may be answered and hung up on while it is sent.
    asking.on('error', () => over(1, ''));
    asking.end(odd.body);
  });
}

/** How many were answered, of all. */
function answered(statuses: Answers['statuses']): number {
  return [...statuses].reduce((sum, [status, count]) => (status > 1 ? sum + count : sum), 0);
}

function faultOf(status: number, text: string, method: string): string {
  if (status <= 1) return '';
  if (!STATUSES.has(status)) return 'a status that is nowhere documented';
  if (status < 400 || method === 'HEAD') return '';
  let problem: { code?: string; detail?: unknown };
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    return 'an error that is no problem document';
  }
  const code = problem.code as ErrorCode;
  if (!(code in ERRORS) || ERRORS[code].status !== status) return 'an error whose code and status are not in the table';
  if (typeof problem.detail !== 'string' || problem.detail === '') return 'an error without a sentence';
  return code === 'internal' ? 'a fault of the service' : '';
}

/** Resolves when the other side has answered and hung up, or a moment later. */
function sendRaw(url: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(bytes));
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.resume();
  });
}
