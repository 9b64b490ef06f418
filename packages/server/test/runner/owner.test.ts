// What is left when the owner of a pool is killed: nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MARK_NAME } from '../../src/runner/launch.ts';
import { findMarked, sweepDead } from '../../src/runner/marks.ts';
import { isAlive, leftOf, markIn, untilGone } from './harness.ts';

async function withFolder(use: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'owner-test-'));
  try {
    await use(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

// With the owner: the keepers, or the template. What is left of the two finds what came from them by its parentage.
test.each([
  ['the owner', (): number[] => []],
  ['the owner and the Python template', ({ template }: Found) => [template]],
  ['the owner and the keepers', ({ template, keeper }: Found) => [parentOf(template), keeper]],
])('kill -9 of %s ends all that came from it, whatever it does', async (_what, others) => {
  await withFolder(async (dataDir) => {
    const owner = spawn(process.execPath, [fileURLToPath(new URL('fixtures/owner.ts', import.meta.url)), dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let mark: string;
    try {
      let said = '';
      for await (const chunk of owner.stdout) {
        said += String(chunk);
        if (said.split('\n').length === 3) break;
      }
      mark = markIn(dataDir);
      const marked = findMarked(mark);
      const calls = said
        .trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number));
      const python = calls.find(([, parent]) => parentOf(parent!) !== owner.pid)!;
      const javascript = calls.find((call) => call !== python)!;
      const strays = [python[2]!, javascript[2]!];
      const pids = calls.flat();
      expect(pids.every(isAlive)).toBe(true);
      expect(marked).toEqual(expect.arrayContaining(pids.filter((pid) => !strays.includes(pid))));
      // The owner must not see the others' end: it would kill what is left itself.
      owner.kill('SIGSTOP');
      for (const pid of others({ template: python[1]!, keeper: javascript[1]! })) process.kill(pid, 'SIGKILL');
      owner.kill('SIGKILL');
      await once(owner, 'exit');
      for (const pid of [...marked, ...strays]) await untilGone(pid);
    } finally {
      owner.kill('SIGKILL');
    }
    expect(await leftOf(mark)).toEqual([]);
    expect(sweepDead(dataDir)).toBe(0);
    expect(readdirSync(join(dataDir, 'runners'))).toEqual([]);
  });
});

test('the next start kills what a dead owner left, and nothing else', async () => {
  await withFolder(async (dataDir) => {
    const environment = (mark: string): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], [MARK_NAME]: `${mark}.p0` });
    const dead = spawn('true');
    await once(dead, 'exit');
    const orphan = spawn('sleep', ['1000'], { env: environment('feed'), detached: true });
    const other = spawn('sleep', ['1000'], { env: environment('beef') });
    await Promise.all([once(orphan, 'spawn'), once(other, 'spawn')]);
    mkdirSync(join(dataDir, 'runners'));
    writeFileSync(join(dataDir, 'runners', 'feed.json'), JSON.stringify({ pid: dead.pid, start: '1' }));
    mkdirSync(join(dataDir, 'runners', 'feed.work', 'half'), { recursive: true });
    // Killed in the moment in which gates have names.
    const gates = ['feed', 'feed.p1', 'beef'].map((mark) => mkdtempSync(join(tmpdir(), `gates-${mark}-`)));
    writeFileSync(join(dataDir, 'runners', 'beef.json'), JSON.stringify({ pid: process.pid, start: startOf() }));
    const [, signal] = await Promise.all([
      Promise.resolve(sweepDead(dataDir)),
      once(orphan, 'exit').then((end) => end[1] as string),
    ]);
    expect(signal).toBe('SIGKILL');
    expect(isAlive(other.pid!)).toBe(true);
    other.kill();
    await once(other, 'exit');
    expect(readdirSync(join(dataDir, 'runners'))).toEqual(['beef.json']);
    expect(gates.map((path) => existsSync(path))).toEqual([false, false, true]);
    rmSync(gates[2]!, { recursive: true });
  });
});

interface Found {
  template: number;
  /** Of the JavaScript runner. */
  keeper: number;
}

const startOf = (): string => statFields(process.pid)[19]!;
const parentOf = (pid: number): number => Number(statFields(pid)[1]);

function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
