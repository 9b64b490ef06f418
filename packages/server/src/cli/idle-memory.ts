// A program that was busy and is not any more gives its memory back. V8 keeps what its young generation has grown to
// (three times 32 MiB), and what the last collection before the rest left behind, until it is told that memory is short;
// nothing in Node ever tells it.
import { Session } from 'node:inspector/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';

const LOOK_MS = 1_000;
/** Looks in a row at which little was done: whoever calls every few seconds never waits for a collection. */
const QUIET_LOOKS = 10;
/** Share of the time that the event loop of a program at rest is busy: heartbeats, renewals, sweeps. */
const REST_SHARE = 0.1;
/** Less is not worth the 0.1 to 0.3 s in which nothing else is done, bytes. */
const WORTH_BYTES = 16 * 1024 * 1024;

/** From now on; does not keep the process. */
export function giveBackIdleMemory(): void {
  // A Node without an inspector keeps what it has.
  giveBack().catch(() => undefined);
}

async function giveBack(): Promise<never> {
  for (let kept = 0; ;) {
    await rest();
    if (heldBytes() - kept < WORTH_BYTES) continue;
    await collect();
    kept = heldBytes();
  }
}

/** Until little has been done for QUIET_LOOKS in a row. */
async function rest(): Promise<void> {
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    const before = performance.eventLoopUtilization();
    await sleep(LOOK_MS, undefined, { ref: false });
    quiet = performance.eventLoopUtilization(before).utilization < REST_SHARE ? quiet + 1 : 0;
  }
}

/** What V8 holds of the system's memory for its heap and the buffers of its objects, bytes. */
function heldBytes(): number {
  const { total_physical_size: heap, external_memory: buffers } = getHeapStatistics();
  return heap + buffers;
}

/** What the inspector's button does: V8 collects all that it can and gives the pages back. */
async function collect(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
