// Every option of the service reaches the service.
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { withOptions } from '../../src/cli/options.ts';
import { serviceConfig, type ServiceRootOptions } from '../../src/cli/roots/service.ts';
import { STUCK_READER_MS, UNTAKEN_BYTES } from '../../src/config/service.ts';

it('each by its own value', () => {
  const command = withOptions(new Command(), 'service', 'logHead', 'logTail');
  const words = [
    ...['--host', '127.0.0.7', '--require-keys', '--cors-origin', 'http://one.example'],
    ...['--classic-created', '--classic-complete'],
    ...[
      '--max-args-bytes',
      '1001',
      '--max-result-bytes',
      '1002',
      '--max-body-bytes',
      '1003',
      '--max-code-bytes',
      '1004',
    ],
    ...[
      '--log-head-bytes',
      '1005',
      '--log-tail-bytes',
      '1006',
      '--max-queued-tasks',
      '1007',
      '--max-queued-bytes',
      '1008',
    ],
    ...['--default-timeout', '9s', '--result-ttl', '10s', '--rate-limit', '11', '--rate-limit-burst', '12'],
  ];
  command.parse(words, { from: 'user' });
  expect(serviceConfig(command.opts<ServiceRootOptions>())).toEqual({
    limits: {
      ...{ maxArgsBytes: 1001, maxResultBytes: 1002, maxBodyBytes: 1003, maxCodeBytes: 1004 },
      ...{ logHeadBytes: 1005, logTailBytes: 1006, maxQueuedTasks: 1007, maxQueuedBytes: 1008 },
    },
    ...{ defaultTimeoutMs: 9000, resultTtlMs: 10_000, rateLimitPerSecond: 11, rateLimitBurst: 12 },
    ...{ classicCreated: true, classicComplete: true, corsOrigins: ['http://one.example'], requireKeys: true },
    ...{
      boundHost: '127.0.0.7',
      stuckReaderMs: STUCK_READER_MS,
      untakenBytes: UNTAKEN_BYTES,
      pythonSdk: expect.stringContaining('python') as string,
    },
  });
});
