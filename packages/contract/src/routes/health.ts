// /healthz, /readyz, /metrics: for probes and Prometheus.
import { Type } from '../type.ts';
import { route } from '../route.ts';

export const healthz = route({
  method: 'GET',
  path: '/healthz',
  tag: 'health',
  summary: 'Is the process alive',
  description: 'Asks nobody else.',
  open: true,
  answers: { 200: { description: 'Alive', body: Type.Object({ status: Type.String() }, { title: 'Alive' }) } },
  errors: [],
  examples: [{ name: 'alive', status: 200, answer: { status: 'ok' } }],
});

export const readyz = route({
  method: 'GET',
  path: '/readyz',
  tag: 'health',
  summary: 'Can it take work',
  description:
    'Asks the store and the loops of this process. 503 where the store is away or takes nothing new (its disk or memory ' +
    'is full), where a loop does not come round, and from the moment the process has been told to end: `troubles` say which and why. `warnings` name settings that do not keep what was asked for, and dispatchers whose loops do not come round; work goes on.',
  open: true,
  answers: {
    200: {
      description: 'Ready',
      body: Type.Object(
        {
          status: Type.String(),
          store: Type.String(),
          warnings: Type.Array(Type.String()),
          troubles: Type.Array(Type.String(), { description: 'Empty: with one of them it is not ready' }),
        },
        { title: 'Ready' },
      ),
    },
  },
  errors: ['not_ready', 'shutting_down'],
  examples: [
    { name: 'ready', status: 200, answer: { status: 'ready', store: 'sqlite 3.50', warnings: [], troubles: [] } },
  ],
});

export const metrics = route({
  method: 'GET',
  path: '/metrics',
  tag: 'health',
  summary: 'Metrics for Prometheus',
  description: 'Counters and depths of the store, the fleet, and (marked `process`) of this process.',
  answers: { 200: { description: 'The text format', media: ['text/plain'] } },
  errors: [],
  examples: [{ name: 'all', status: 200 }],
});
