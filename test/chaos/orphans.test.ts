// What a system leaves behind is found: a process that carries its mark, a temporary file, and a part that ended by itself.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { run } from '../harness/program.ts';
import { orphans } from './orphans.ts';
import { part, type Part } from './part.ts';

function stage(): Parameters<typeof orphans>[0] {
  const dir = mkdtempSync(join(tmpdir(), 'test-orphans-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const temporary = (name: string): string => join(dir, 'temporary', name);
  mkdirSync(temporary('worker-1'), { recursive: true });
  return { dir, temporary, parts: [{ name: 'worker-1' }] };
}

it('I10: a process and a file that are left are told, and nothing where nothing is left', async () => {
  const own = stage();
  expect(await orphans(own, 0)).toEqual([]);
  const left = run('sleep', ['600'], { TMPDIR: own.temporary('worker-1') });
  onTestFinished(() => left.kill());
  writeFileSync(join(own.temporary('worker-1'), 'kept'), '');
  const told = await orphans(own, 0);
  expect(told).toEqual([`process ${left.pid}: sleep 600`, 'worker-1: kept']);
  await left.kill();
  expect(await orphans(own, 0)).toEqual(['worker-1: kept']);
});

it('a part that ends by itself has crashed, and one that was told to end has not', async () => {
  const crashes: string[] = [];
  const crashed = (one: Part, how: number | string): void => void crashes.push(`${one.name} ${how}`);
  const recipe = { name: 'worker-1', role: 'worker', ready: /ready/ } as const;
  const ending = 'trap "exit 7" USR1; echo ready; while :; do sleep 0.05; done';
  const short = part({ ...recipe, begin: () => run('sh', ['-c', ending]) }, crashed);
  await short.start();
  short.signal('SIGUSR1');
  expect(await short.ended()).toBe(7);
  expect(crashes).toEqual(['worker-1 7']);
  const long = part({ ...recipe, begin: () => run('sleep', ['600']), ready: /^/ }, crashed);
  await long.start();
  long.expectEnd();
  long.signal('SIGTERM');
  expect(await long.ended()).toBe('SIGTERM');
  expect(crashes).toHaveLength(1);
});
