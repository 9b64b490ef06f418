// What runs here: workers, counts, versions, probes, metrics.
import type { DispatcherSnapshot, HistogramSnapshot, Store, WorkerSnapshot } from '../../store/index.ts';
import { Refusal } from '../../tasks/refusal.ts';
import { timeText } from '../../tasks/describe.ts';
import type { Handlers } from '../parts.ts';

type Operations = 'listWorkers' | 'getStats' | 'getVersion' | 'healthz' | 'readyz' | 'metrics';

export const fleetHandlers: Handlers<Operations> = {
  async listWorkers(_call, { store }) {
    const fleet = await store.fleet();
    return {
      items: fleet.flatMap(({ workers }) => workers.map(describeWorker)),
      dispatchers: fleet.map(describeDispatcher),
    };
  },

  async getStats({ tenant }, { store }) {
    const [stats, fleet] = await Promise.all([store.stats(tenant), store.fleet()]);
    const workers = readyWorkers(fleet);
    const distinct = eachOnce(workers);
    return {
      submitted: stats.submitted,
      ended: stats.ended,
      requeued: stats.requeued,
      states: stats.states,
      queued_bytes: stats.queuedBytes,
      lanes: stats.lanes.map(({ lane, waiting, oldestAt }) => ({
        lane,
        waiting,
        oldest_at: oldestAt === 0 ? null : timeText(oldestAt),
      })),
      slots: sum(distinct, ({ slots }) => slots),
      busy: sum(distinct, ({ busy }) => busy),
      workers: distinct.length,
    };
  },

  async getVersion(_call, { store, version }) {
    const { version: storeVersion } = await store.health();
    return { name: 'mpcsfaas', version, api: 'v1', node: process.versions.node, store: storeVersion };
  },

  healthz: () => ({ status: 'ok' }),

  async readyz(_call, { store, watchers, waits, feed, keys, config, leaving }) {
    const { ok, detail, version, warnings, troubles: ofStore } = await store.health();
    if (!ok) throw new Refusal('store_unavailable', `The store cannot be reached: ${detail}`);
    const refusal = await store.refusal();
    const full = refusal === '' ? '' : `nothing new is accepted (${refusal.replace(/\.$/, '')})`;
    const own = [
      full,
      ...ofStore,
      leaving.aborted ? 'it has been told to end' : '',
      waits.trouble,
      feed.trouble,
      config.requireKeys ? await keys.trouble() : '',
    ];
    const troubles = [...own.filter((sentence) => sentence !== ''), ...watchers()];
    if (troubles.length > 0) {
      const code = leaving.aborted ? 'shutting_down' : 'not_ready';
      throw new Refusal(code, `This process is not ready: ${troubles.join('; ')}.`, { troubles });
    }
    const others = await dispatchersTroubles(store);
    return { status: 'ready', store: version, warnings: [...warnings, ...others], troubles };
  },

  async metrics({ tenant, reply }, { store, metrics, clock }) {
    const [stats, fleet] = await Promise.all([store.stats(tenant), store.fleet()]);
    const workers = readyWorkers(fleet);
    const byState = { ready: 0, draining: 0, lost: 0 };
    for (const { state } of eachOnce(fleet.flatMap((dispatcher) => dispatcher.workers))) byState[state]++;
    const distinct = eachOnce(workers);
    const text = await metrics.render({
      submitted: stats.submitted,
      ended: stats.ended,
      requeued: stats.requeued,
      states: stats.states,
      queuedBytes: stats.queuedBytes,
      oldestWaitingMs: oldestAge(stats.lanes, clock.wall()),
      workers: byState,
      slots: sum(distinct, ({ slots }) => slots),
      busy: sum(distinct, ({ busy }) => busy),
      // A worker shares its room out: what it grants to each dispatcher is that one's alone.
      credits: sum(workers, ({ credits }) => credits),
      histograms: sumHistograms(fleet),
    });
    return reply.header('content-type', metrics.contentType).send(text);
  },
};

/** Of dispatchers in other processes, too: each tells once a second how its loops are. */
async function dispatchersTroubles(store: Store): Promise<string[]> {
  const fleet = await store.fleet();
  return fleet.flatMap(({ id, troubles = [] }) => troubles.map((sentence) => `Dispatcher ${id}: ${sentence}.`));
}

function readyWorkers(fleet: readonly DispatcherSnapshot[]): WorkerSnapshot[] {
  return fleet.flatMap(({ workers }) => workers).filter(({ state }) => state === 'ready');
}

function oldestAge(lanes: readonly { oldestAt: number }[], now: number): number {
  const oldest = Math.min(...lanes.map(({ oldestAt }) => oldestAt).filter((at) => at > 0));
  return Number.isFinite(oldest) ? Math.max(0, now - oldest) : 0;
}

const BEST_FIRST = { ready: 0, draining: 1, lost: 2 } as const;

/**
 * A worker that serves several dispatchers is told of by each, and is one worker all the same: as it was seen last by
 * those that know it in its best state.
 */
function eachOnce(workers: readonly WorkerSnapshot[]): WorkerSnapshot[] {
  const known = new Map<string, WorkerSnapshot>();
  for (const worker of workers) {
    const other = known.get(worker.id);
    const better = other === undefined ? -1 : BEST_FIRST[worker.state] - BEST_FIRST[other.state];
    if (better < 0 || (better === 0 && worker.seenAt > other!.seenAt)) known.set(worker.id, worker);
  }
  return [...known.values()];
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** `queue_wait_ms` of all dispatchers → `queue_wait`. Those with other bounds (another version) are left out. */
function sumHistograms(fleet: readonly DispatcherSnapshot[]): Record<string, HistogramSnapshot> {
  const sums: Record<string, HistogramSnapshot> = {};
  for (const [name, one] of fleet.flatMap(({ histograms }) => Object.entries(histograms))) {
    const what = name.replace(/_ms$/, '');
    const before = sums[what];
    if (before === undefined) sums[what] = { bounds: one.bounds, counts: [...one.counts], sum: one.sum };
    else if (before.bounds.join() === one.bounds.join()) {
      before.counts = before.counts.map((count, i) => count + (one.counts[i] ?? 0));
      before.sum += one.sum;
    }
  }
  return sums;
}

function describeWorker(worker: WorkerSnapshot) {
  return {
    worker_id: worker.id,
    dispatcher_id: worker.dispatcher,
    mode: worker.mode,
    host: worker.host,
    pid: worker.pid,
    version: worker.version,
    state: worker.state,
    slots: worker.slots,
    busy: worker.busy,
    waiting: worker.waiting,
    credits: worker.credits,
    runtimes: worker.runtimes.map(({ runtime, version, broken, pickles = '', dill = '' }) => ({
      runtime,
      version,
      broken: broken === '' ? null : broken,
      pickles: pickles === '' ? null : pickles,
      dill: dill === '' ? null : dill,
    })),
    labels: worker.labels,
    registered_at: timeText(worker.registeredAt),
    seen_at: timeText(worker.seenAt),
  };
}

function describeDispatcher(dispatcher: DispatcherSnapshot) {
  return {
    dispatcher_id: dispatcher.id,
    mode: dispatcher.mode,
    host: dispatcher.host,
    pid: dispatcher.pid,
    version: dispatcher.version,
    address: dispatcher.address,
    troubles: dispatcher.troubles ?? [],
    started_at: timeText(dispatcher.startedAt),
    seen_at: timeText(dispatcher.seenAt),
  };
}
