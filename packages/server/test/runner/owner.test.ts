// What is left when the owner of a pool is killed: nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MARK_NAME } from '../../src/runner/launch.ts';
import { findMarked, sweepDead } from '../../src/runner/marks.ts';
import { isAlive, markIn, untilGone } from './harness.ts';

async function withFolder(use: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'owner-test-'));
  try {
    await use(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test('kill -9 of the owner ends template and runners, also those that never give the processor back', async () => {
  await withFolder(async (dataDir) => {
    const owner = spawn(process.execPath, [fileURLToPath(new URL('fixtures/owner.ts', import.meta.url)), dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const chunk of owner.stdout) {
      said += String(chunk);
      if (said.trim().split(/\s+/).length === 3) break;
    }
    const pids = said.trim().split(/\s+/).map(Number);
    expect(pids.every(isAlive)).toBe(true);
    const mark = markIn(dataDir);
    const all = findMarked(mark);
    expect(all).toEqual(expect.arrayContaining(pids));
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    for (const pid of all) await untilGone(pid);
    expect(findMarked(mark)).toEqual([]);
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
  });
});

function startOf(): string {
  const stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
}
