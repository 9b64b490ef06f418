// A data directory that cannot be used: every program says so in one sentence, and so does doctor.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type RedisServer } from '../../../../test/harness/redis.ts';
import { mpcsfaas, program, type Said } from './harness.ts';

let folder: string;
let redis: RedisServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'test-data-'));
  redis = await startRedis();
  writeFileSync(join(folder, 'file'), 'text');
  for (const name of ['store.db', 'lock.db']) {
    mkdirSync(join(folder, `garbage-${name}`));
    writeFileSync(join(folder, `garbage-${name}`, name), 'this is no database '.repeat(200));
  }
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

function sentence({ code, stderr }: Said): string {
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\w+: [^\n]+\n$/);
  return stderr.trim();
}

const quiet = ['--log-level', 'silent', '--python', '/usr/bin/python3'];

describe.each(['file', 'file/below'])('%s', (name) => {
  const expected =
    /data directory \S+ cannot be made \((it is a file, not a directory|a file stands where .*)\): name another with --data-dir\.$/;

  it.each<[string, string[]]>([
    ['mpcsfaas', ['up', '--port', '0']],
    ['mpcsfaas', ['dispatcher']],
    ['mpcsfaas', ['worker', 'push', 'tcp://127.0.0.1:5899']],
    ['task_dispatcher', []],
    ['pull_worker', ['1', 'tcp://127.0.0.1:5899']],
  ])('%s %j', async (command, args) => {
    const env: Record<string, string> = /dispatcher/.test(command + args.join('')) ? { MPCSFAAS_REDIS: redis.url } : {};
    const said = await program(command, [...args, ...quiet, '--data-dir', join(folder, name)], env).ended;
    expect(sentence(said)).toMatch(expected);
  });

  it('doctor', async () => {
    const said = await mpcsfaas(['doctor', '--port', '0', '--worker-port', '0', '--data-dir', join(folder, name)]);
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/^-- {2}data directory .*cannot be made/m);
  });
});

it.each(['store.db', 'lock.db'])('a %s that is none', async (name) => {
  const said = await mpcsfaas(['up', '--port', '0', ...quiet, '--data-dir', join(folder, `garbage-${name}`)]);
  expect(sentence(said)).toMatch(
    new RegExp(`file \\S+/${name} cannot be opened \\(it is damaged, or no file of ours\\): .*--data-dir\\.$`),
  );
});

it('doctor leaves nothing where there was nothing', async () => {
  const said = await mpcsfaas([
    'doctor',
    '--port',
    '0',
    '--worker-port',
    '0',
    '--data-dir',
    join(folder, 'new', 'one'),
  ]);
  expect(said.stdout).toMatch(/^ok {2}data directory/m);
  expect(existsSync(join(folder, 'new'))).toBe(false);
});
