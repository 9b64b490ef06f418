// Metrics for Prometheus. What the store counts is the installation's; what this process measures has `process` in its name.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Upper bounds in ms → counts (one more than the bounds), and the sum in ms. */
export interface HistogramData {
  bounds: readonly number[];
  counts: readonly number[];
  sum: number;
}

/** The installation at one moment. */
export interface Measured {
  submitted: number;
  ended: Readonly<Record<string, number>>;
  requeued: Readonly<Record<string, number>>;
  states: Readonly<Record<string, number>>;
  queuedBytes: number;
  /** Age of the oldest task that waits for a worker, ms; 0 = none waits. */
  oldestWaitingMs: number;
  workers: Readonly<Record<string, number>>;
  slots: number;
  busy: number;
  credits: number;
  /** Name (`queue_wait`, `run_time`) → all dispatchers' sums. */
  histograms: Readonly<Record<string, HistogramData>>;
}

const HTTP_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Metrics {
  readonly #registry = new Registry();
  readonly #http: Histogram<'operation' | 'status'>;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#http = new Histogram({
      name: 'mpcsfaas_process_http_request_seconds',
      help: 'Time to answer, of this process alone.',
      labelNames: ['operation', 'status'],
      buckets: HTTP_BUCKETS,
      registers: [this.#registry],
    });
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  observeHttp(operation: string, status: number, seconds: number): void {
    this.#http.observe({ operation, status: String(status) }, seconds);
  }

  /** The text for one scrape. */
  async render(measured: Measured): Promise<string> {
    const own = await this.#registry.metrics();
    return `${await installation(measured).metrics()}${own}${histogramText(measured.histograms)}`;
  }
}

/** A registry for one scrape: the store's numbers are counters that we do not count ourselves. */
function installation(measured: Measured): Registry {
  const registers = [new Registry()];
  const counter = (name: string, help: string, by: string, values: Readonly<Record<string, number>>): void => {
    const metric = new Counter({ name, help, labelNames: [by], registers });
    for (const [label, value] of Object.entries(values)) metric.inc({ [by]: label }, value);
  };
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name, help, registers }).set(value);
  };
  const gauges = (name: string, help: string, by: string, values: Readonly<Record<string, number>>): void => {
    const metric = new Gauge({ name, help, labelNames: [by], registers });
    for (const [label, value] of Object.entries(values)) metric.set({ [by]: label }, value);
  };
  new Counter({ name: 'mpcsfaas_tasks_submitted_total', help: 'Tasks accepted.', registers }).inc(measured.submitted);
  counter('mpcsfaas_tasks_ended_total', 'Tasks ended, by end.', 'end', measured.ended);
  counter('mpcsfaas_tasks_requeued_total', 'Tasks put back into the queue, by cause.', 'cause', measured.requeued);
  gauges('mpcsfaas_tasks', 'Tasks that have not ended, by state.', 'state', measured.states);
  gauge('mpcsfaas_queued_bytes', 'Bytes of arguments of waiting tasks.', measured.queuedBytes);
  gauge(
    'mpcsfaas_queue_oldest_age_seconds',
    'Age of the oldest task that waits for a worker; 0 = none waits.',
    measured.oldestWaitingMs / 1000,
  );
  gauges('mpcsfaas_workers', 'Workers, by state.', 'state', measured.workers);
  gauge('mpcsfaas_slots', 'Slots of all ready workers.', measured.slots);
  gauge('mpcsfaas_slots_busy', 'Slots that run a call.', measured.busy);
  gauge('mpcsfaas_credits', 'Calls that the workers would take.', measured.credits);
  return registers[0]!;
}

function histogramText(histograms: Readonly<Record<string, HistogramData>>): string {
  let text = '';
  for (const [what, { bounds, counts, sum }] of Object.entries(histograms)) {
    const name = `mpcsfaas_task_${what}_seconds`;
    let below = 0;
    text += `# HELP ${name} Summed over all dispatchers since each one's start.\n# TYPE ${name} histogram\n`;
    counts.forEach((count, i) => {
      below += count;
      const bound = bounds[i];
      text += `${name}_bucket{le="${bound === undefined ? '+Inf' : bound / 1000}"} ${below}\n`;
    });
    text += `${name}_sum ${sum / 1000}\n${name}_count ${below}\n`;
  }
  return text;
}
