// A program at rest gives back what V8 has kept of busier times.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../../../test/harness/program.ts';

it('gives its memory back when nothing is to be done', async () => {
  const program = run(process.execPath, [join(import.meta.dirname, 'idle-memory.program.ts')]);
  const [said] = await program.says(/\{.*\}/);
  const { full } = JSON.parse(said) as { full: number };
  expect(full).toBeGreaterThan(50e6);
  expect(await program.ended).toBe(0);
});
