// What lies ready for Python runners to come: few descriptors, more of them only while many are forked.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock, type LiveClock } from '../../src/clock.ts';
import type { Child } from '../../src/runner/child.ts';
import { findInterpreter } from '../../src/runner/interpreter.ts';
import { PythonChildren } from '../../src/runner/python-children.ts';
import { START_MS } from '../../src/runner/starts.ts';
import { QUIET_MS } from '../../src/runner/template-size.ts';
import { PYTHON } from './harness.ts';

const SLOTS = 2;
/** A template's own: control channel, its keeper's line, what it writes; and folders that are read in passing. */
const OWN = 12;
/** A small template's and the rest of the one before it, four for each runner. */
const FEW = 4 * 1.5 * (2 * SLOTS + 8) + OWN;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A clock that is set by hand. */
class HandClock implements LiveClock {
  #now = 0;
  #due: { at: number; act: () => void }[] = [];
  wall = (): number => systemClock.wall();
  turn = (act: () => void): void => systemClock.turn(act);
  every = (ms: number, act: () => void): (() => void) => systemClock.every(ms, act);
  mono = (): number => this.#now;
  after = (ms: number, act: () => void): (() => void) => {
    const entry = { at: this.#now + ms, act };
    this.#due.push(entry);
    return () => (this.#due = this.#due.filter((one) => one !== entry));
  };

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#due.filter(({ at }) => at <= this.#now);
    this.#due = this.#due.filter(({ at }) => at > this.#now);
    for (const { act } of due) act();
  }
}

async function children(clock: LiveClock): Promise<PythonChildren> {
  const cwd = mkdtempSync(join(tmpdir(), 'children-test-'));
  closing.push(() => rmSync(cwd, { recursive: true, force: true }));
  const source = new PythonChildren(await findInterpreter(PYTHON, process.env, []), {
    slots: SLOTS,
    importPath: [],
    packages: join(cwd, 'packages'),
    cwd,
    environment: process.env,
    mark: 'children-test',
    kept: true,
    clock,
    startMs: START_MS,
  });
  closing.push(() => source.close());
  return source;
}

async function end(child: Child): Promise<void> {
  child.kill(true);
  await child.gone;
  for (const socket of [child.channel, child.stdout, child.stderr]) socket.destroy();
  child.gate.close();
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('runners that end now and then leave no more descriptors than a few lie ready', async () => {
  const clock = new HandClock();
  const before = descriptors();
  const source = await children(clock);
  let most = 0;
  for (let n = 0; n < 100; n += 1) {
    await end(await source.make());
    clock.pass(300);
    most = Math.max(most, descriptors() - before);
  }
  expect(most).toBeLessThanOrEqual(FEW);
});

test('many in a short time get more, which are given up when it is quiet; then it still forks', async () => {
  const clock = new HandClock();
  const before = descriptors();
  const source = await children(clock);
  for (let n = 0; n < 120; n += 1) await end(await source.make());
  const lying = await source.make();
  const most = descriptors() - before;
  expect(most).toBeGreaterThan(4 * 40);
  const leftWhenQuiet = (): number => {
    // Again and again: one whose start was under way has its own time to be quiet.
    clock.pass(QUIET_MS);
    return descriptors() - before;
  };
  await expect.poll(leftWhenQuiet).toBeLessThanOrEqual(FEW);
  await end(lying);
  for (let n = 0; n < 30; n += 1) await end(await source.make());
});
