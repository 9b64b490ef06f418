// The programs of the bare path, started and stopped.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type Program } from '../../test/harness/program.ts';
import { startBenchRedis } from '../redis.ts';
import { cpuOf, ownCpu } from '../cpu.ts';
import { dilledNoop } from '../noop.ts';

/** What stands on the bare path: the forms of ours whose hops it has. */
export const BARE_FORMS = ['redis push', 'embedded local'] as const;
export type BareForm = (typeof BARE_FORMS)[number];

export interface Bare {
  url: string;
  /** CPU ms so far by program; the children are the `runners`. */
  cpuTimes: () => Record<string, number>;
  pids: () => number[];
  stop(): Promise<void>;
}

/** V8 as bin/launch.mjs sets it for ours. */
const SOONER = ['--invocation-count-for-maglev=100', '--minimum-invocations-after-ic-update=100'];

function start(name: string, ...args: string[]): Program {
  return run(process.execPath, [...SOONER, fileURLToPath(new URL(`${name}.ts`, import.meta.url)), ...args]);
}

export const startBare: Record<BareForm, () => Promise<Bare>> = {
  'redis push': async () => {
    const redis = await startBenchRedis();
    const programs: Record<string, Program> = {};
    const stop = async (): Promise<void> => {
      await Promise.all(Object.values(programs).map((program) => program.kill()));
      await redis.stop();
    };
    try {
      const dispatcher = (programs['dispatcher'] = start('dispatcher', redis.url));
      const [, address = ''] = await dispatcher.says(/(tcp:\S+) is bound/);
      programs['worker'] = start('worker', address, dilledNoop());
      const service = (programs['service'] = start('service', redis.url));
      const [[, url = '']] = await Promise.all([service.says(/(http:\S+) is ready/), dispatcher.says(/is ready/)]);
      return {
        url,
        cpuTimes: () => ({ ...cpuTimes(programs), redis: cpuOf(redis.pid()).own }),
        pids: () => [redis.pid(), ...Object.values(programs).map(({ pid }) => pid)],
        stop,
      };
    } catch (error) {
      await stop();
      throw error;
    }
  },
  'embedded local': async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'bare-path-'));
    const up = start('embedded', dataDir, dilledNoop());
    const stop = async (): Promise<void> => {
      await up.kill();
      rmSync(dataDir, { recursive: true, force: true });
    };
    try {
      const [, url = ''] = await up.says(/(http:\S+) is ready/);
      return { url, cpuTimes: () => cpuTimes({ up }), pids: () => [up.pid], stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

function cpuTimes(programs: Record<string, Program>): Record<string, number> {
  const times: Record<string, number> = { 'load generator': ownCpu() };
  for (const [name, { pid }] of Object.entries(programs)) {
    const { own, descendants } = cpuOf(pid);
    times[name] = own;
    if (descendants > 0) times['runners'] = descendants;
  }
  return times;
}
