// The examples in TypeScript and curl do what they say, on a service that runs.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { post } from './harness/http.ts';
import { root, run } from './harness/program.ts';
import { startSystem, type System } from './harness/system.ts';

const example = (name: string): string => join(root, 'examples', name);

let system: System;
beforeAll(async () => {
  // They import the client as those who installed it do.
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), 'client'], { stdio: 'pipe' });
  system = await startSystem({ form: 'embedded local', workers: 1 });
}, 120_000);
afterAll(() => system.stop());

it('typescript: they pass the check of types', () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = [
    '--noEmit',
    '--strict',
    '--target',
    'es2024',
    '--module',
    'nodenext',
    '--types',
    'node',
    '--erasableSyntaxOnly',
    // The client's own declarations are checked in the test of its package.
    '--skipLibCheck',
  ];
  const files = ['typescript/hello.ts', 'typescript/web-handler.ts'].map(example);
  expect(
    execFileSync(process.execPath, [tsc, '--ignoreConfig', ...flags, ...files], { cwd: root, encoding: 'utf8' }),
  ).toBe('');
});

it('typescript/hello.ts', async () => {
  const hello = run(process.execPath, [example('typescript/hello.ts'), system.url]);
  expect(await hello.ended, hello.output()).toBe(0);
  const [, there, here] = /Hello, Ada, from process (\d+)\. \(This one is (\d+)\.\)/.exec(hello.output()) ?? [];
  expect(there).not.toBe(here);
  expect(here).toBe(String(hello.pid));
  expect(hello.output()).toMatch(/primes below 100: 2 3 5 7 11 .* 97\n/);
  expect(hello.output()).toMatch(/it said: RangeError: nothing below zero\n/);
});

it('typescript/web-handler.ts', async () => {
  const handler = run(process.execPath, [example('typescript/web-handler.ts'), system.url], { PORT: '0' });
  const [, address = ''] = await handler.says(/listening at (http:\S+)/);
  const { status, body } = await post(address, [1, 2, 3, 10]);
  expect([status, body]).toEqual([
    200,
    {
      mean: 4,
      deviation: expect.closeTo(3.5355, 3) as number,
      median: 2.5,
      by: expect.stringMatching(/numpy/) as string,
    },
  ]);
  expect((await post(address, ['x'])).status).toBe(422);
  expect((await fetch(address, { method: 'POST', body: 'x' })).status).toBe(400);
  await handler.stop();
});

it('curl/hello.sh', async () => {
  const hello = run('/bin/sh', [example('curl/hello.sh'), system.url]);
  expect(await hello.ended, hello.output()).toBe(0);
  const output = hello.output();
  expect(output).toMatch(/1\. register\n\{"function_id":/);
  expect(output).toMatch(/value itself\n42\n/);
  expect(output).toMatch(/"status":"COMPLETED".*"value":6/);
  expect(output).toMatch(/"text":"measuring\\n"/);
  expect(output).toMatch(/one sentence\n[^]*"detail":"There is no function \\"nobody\\"/);
});
