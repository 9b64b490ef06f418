// Endings that no worker reports: of what was never delivered, and of what a worker that is gone had.
import type { Outcome } from '../../lifecycle/outcome.ts';
import type { Ending } from '../../tasks/ending.ts';
import type { Delivery, GivenTask } from './deliveries.ts';

/** The ending of a task that nobody has begun, as far as we know. */
export function endingOf({ fence, spec, retries }: GivenTask, outcome: Outcome, worker = '', startedAt = 0): Ending {
  return { fence, spec, retries, outcome, worker, startedAt, logs: null };
}

/** It was sent and its worker does not name it. An at-most-once task is never given back by us, even so. */
export function undelivered(delivery: Delivery): Ending {
  if (!delivery.spec.at_most_once) return endingOf(delivery, { is: 'released', reason: 'undelivered' });
  return endingOf(
    delivery,
    lost(`worker ${delivery.worker} was sent the task and does not name it; it runs at most once`),
  );
}

/** Its worker is gone: what may have begun is charged, the rest goes back unharmed. `how`: 'was lost', 'has left' … */
export function orphaned(how: string, charged: readonly Delivery[], released: readonly Delivery[]): Ending[] {
  return [
    ...charged.map((one) =>
      endingOf(one, lost(`worker ${one.worker} ${how} while it ran the task`), one.worker, one.startedAt),
    ),
    ...released.map((one) => endingOf(one, { is: 'released', reason: 'undelivered' }, one.worker)),
  ];
}

function lost(message: string): Outcome {
  return { is: 'lost', error: { type: 'WorkerLost', message, traceback: '' } };
}
