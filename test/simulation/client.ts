// Who submits and cancels, and repeats what got no answer: under the same key where it gave one, else the same submission.
import { newId } from '../../packages/server/src/lifecycle/ids.ts';
import { laneOf } from '../../packages/server/src/lifecycle/lane.ts';
import { packTaskHeader, specOf, type TaskHeader } from '../../packages/server/src/lifecycle/spec.ts';
import type { Store, Submission, SubmitAnswer } from '../../packages/server/src/store/index.ts';
import { pause, type LiveClock } from '../../packages/server/src/clock.ts';
import type { Ledger } from './ledger.ts';
import type { TaskPlan } from './plan.ts';

export const TENANT = 'default';
/** Of the two functions. */
export const DIGESTS = ['0'.repeat(64), '1'.repeat(64)] as const;
const AGAIN_MS = 250;
/** An answer that takes longer does not come, ms. */
const PATIENCE_MS = 1_500;
const LIMITS = { maxTasks: 1_000_000, maxBytes: 1_000_000_000 };
/** Arguments are of no interest: what a call does is in its plan. */
const ARGS = Buffer.from('[[],{}]');

const HEADER: TaskHeader = {
  tenant: TENANT,
  function_id: '01890000-0000-7000-8000-000000000001',
  function_name: 'f',
  function_version: 1,
  runtime: 'python',
  digest: DIGESTS[0],
  form: 'source',
  entry: '',
  python: '',
  args_as: 'json',
  result_as: 'json',
  priority: 0,
  timeout_ms: 0,
  memory_bytes: 0,
  max_result_bytes: 1_000_000,
  max_attempts: 3,
  retry: null,
  at_most_once: false,
  not_before: 0,
  expires_at: 0,
  result_ttl_ms: 86_400_000,
  group: '',
  tags: [],
  isolation: 'warm',
  labels: [],
  traceparent: '',
  classic: false,
};
const RETRY = { max_retries: 2, backoff_ms: 100, factor: 2, max_backoff_ms: 1_000, on: [] };
/** Headers that do not name a time are packed once. */
const packed = new Map<string, { header: TaskHeader; bytes: Buffer; lane: string }>();

function headerOf(plan: TaskPlan, now: number): { header: TaskHeader; bytes: Buffer; lane: string } {
  const isTimed = plan.delay > 0 || plan.expires > 0;
  const key = `${plan.behaviour} ${plan.once} ${plan.priority} ${plan.fn}`;
  const known = isTimed ? undefined : packed.get(key);
  if (known !== undefined) return known;
  const header: TaskHeader = {
    ...HEADER,
    digest: DIGESTS[plan.fn],
    priority: plan.priority,
    at_most_once: plan.once,
    retry: plan.behaviour === 'raises once' ? RETRY : null,
    not_before: plan.delay > 0 ? now + plan.delay : 0,
    expires_at: plan.expires > 0 ? now + plan.expires : 0,
  };
  const made = {
    header,
    bytes: packTaskHeader(header),
    lane: laneOf({ ...header, at_most_once: header.at_most_once }),
  };
  if (!isTimed) packed.set(key, made);
  return made;
}

/** Lives one task's life as its caller sees it. Never rejects. */
export async function playTask(
  store: Store,
  clock: LiveClock,
  ledger: Ledger,
  name: string,
  shard: number,
  plan: TaskPlan,
): Promise<void> {
  // Ids and times come from the service, whose clock is its own.
  const { header, bytes, lane } = headerOf(plan, clock.wall());
  const made = (): Submission => {
    const id = newId(clock.wall(), shard);
    ledger.planned(id, name, plan);
    const key = plan.keyed ? { key: { name, content: name } } : {};
    return { spec: specOf(id, header), packed: bytes, lane, args: ARGS, ...key };
  };
  let submission = made();
  let id = '';
  while (id === '') {
    const [answer] = (await answered(clock, store.submit(TENANT, shard, [submission], LIMITS))) ?? [];
    if (answer !== undefined) id = acceptedId(answer, ledger, submission);
    else {
      await pause(clock, AGAIN_MS);
      if (plan.keyed) submission = made();
    }
  }
  ledger.acknowledged(id);
  if (plan.cancelAfter < 0) return;
  await pause(clock, plan.cancelAfter);
  for (;;) {
    const [answer] = (await answered(clock, store.cancel(TENANT, [id]))) ?? [];
    if (answer?.is === 'canceled') ledger.canceled(id);
    if (answer !== undefined) return;
    await pause(clock, AGAIN_MS);
  }
}

function acceptedId(answer: SubmitAnswer, ledger: Ledger, submission: Submission): string {
  if (answer.is === 'accepted' || answer.is === 'replayed') return answer.id;
  ledger.break(`I6: a submission was answered ${answer.is}`);
  return submission.spec.id;
}

/** Undefined where no answer came. */
async function answered<T>(clock: LiveClock, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(PATIENCE_MS, () => resolve(undefined));
    answer.then(
      (value) => {
        cancel();
        resolve(value);
      },
      () => {
        cancel();
        resolve(undefined);
      },
    );
  });
}
