// A memory limit is what the call itself may use, beyond what its process used before it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { javascript, PYTHON, source, TestPool, valueOf } from './harness.ts';

const MIB = 2 ** 20;
let pool: TestPool;
beforeAll(async () => {
  pool = await TestPool.open({ slots: 1 });
});
afterAll(() => pool.close());

// Long enough to be looked at many times.
const python = source(
  'import time\ndef f(mib):\n    held = b"x" * (mib << 20)\n    time.sleep(0.3)\n    return len(held)\n',
);
const node = javascript(
  'import { setTimeout } from "node:timers/promises";\n' +
    'export default async (mib) => { const held = Buffer.alloc(mib * 2 ** 20, 1); await setTimeout(300); return held.length }',
);

test.each([
  ['Python', python],
  ['JavaScript', node],
])('%s: what fits below it runs, what does not is said', async (_name, code) => {
  const more = { memory_bytes: 100 * MIB };
  expect(valueOf(await pool.run(pool.call(code, [90], more)))).toBe(90 * MIB);
  // In a process that has run before, too.
  expect(valueOf(await pool.run(pool.call(code, [90], more)))).toBe(90 * MIB);
  const { outcome } = await pool.run(pool.call(code, [120], more));
  expect(outcome).toMatchObject({ is: 'failed', kind: 'memory_exceeded', error: { type: 'MemoryError' } });
});

test('JavaScript: what earlier calls left for the garbage collector does not count in a call’s favour', async () => {
  const collected = javascript(
    'import { setFlagsFromString } from "node:v8"; import { runInNewContext } from "node:vm"; ' +
      'import { setTimeout } from "node:timers/promises"; setFlagsFromString("--expose-gc"); const gc = runInNewContext("gc");' +
      'export default async (mib) => { gc(); gc(); const held = Buffer.alloc(mib * 2 ** 20, 1); await setTimeout(300); return held.length }',
  );
  const own = await TestPool.open({ slots: 1 });
  try {
    expect(valueOf(await own.run(own.call(node, [150])))).toBe(150 * MIB);
    const { outcome } = await own.run(own.call(collected, [120], { memory_bytes: 100 * MIB }));
    expect(outcome).toMatchObject({ is: 'failed', kind: 'memory_exceeded' });
  } finally {
    await own.close();
  }
});

test('the limit of the address space that a worker was started with comes back after the call', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memory-limit-test-'));
  const limited = join(folder, 'python3');
  const mostKib = 8 * MIB;
  writeFileSync(limited, `#!/bin/bash\nulimit -Sv ${mostKib}\nexec -a "$0" ${PYTHON} "$@"\n`, { mode: 0o700 });
  const own = await TestPool.open({ slots: 1, python: limited });
  try {
    const look = source('import resource\ndef f(): return resource.getrlimit(resource.RLIMIT_AS)[0]\n');
    expect(valueOf(await own.run(own.call(look, [], { memory_bytes: 100 * MIB })))).toBeLessThan(mostKib * 1024);
    expect(valueOf(await own.run(own.call(look)))).toBe(mostKib * 1024);
  } finally {
    await own.close();
    rmSync(folder, { recursive: true });
  }
});
