// The template's side channel when the template dies with words of ours unread.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planLaunch } from '../../src/runner/launch.ts';
import { killMarked } from '../../src/runner/marks.ts';
import { Template } from '../../src/runner/template.ts';
import { PYTHON, untilGone } from './harness.ts';

test('killed with a request unread it rejects that request, and the owner goes on', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'template-test-'));
  const launch = planLaunch({
    runtime: 'python',
    tenant: 'default',
    profile: 'bare',
    limits: { memoryBytes: 0 },
    executable: PYTHON,
    importPath: [],
    packages: undefined,
    cwd,
    environment: process.env,
    mark: 'template-test',
    groups: 2,
    keeper: PYTHON,
  });
  try {
    // Its end comes as the reset of the channel or as the end of the process, whichever is seen first.
    for (let round = 0; round < 8; round += 1) {
      const template = await Template.open(launch, () => killMarked('template-test'), new AbortController().signal);
      process.kill(template.pid, 'SIGSTOP');
      const forked = template.fork();
      process.kill(template.pid, 'SIGKILL');
      await expect(forked).rejects.toThrow('the Python template process ended');
      await untilGone(template.pid);
    }
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
