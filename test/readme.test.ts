// The README's first functions do what it says, on a service that runs. Its address stands for the one in the text.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, run } from './harness/program.ts';
import { startSystem, type System } from './harness/system.ts';

const README = readFileSync(join(root, 'README.md'), 'utf8');

let system: System;
let folder: string;
beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), 'client'], { stdio: 'pipe' });
  folder = mkdtempSync(join(tmpdir(), 'test-readme-'));
  // As in a checkout.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  system = await startSystem({ form: 'embedded local', workers: 1 });
}, 120_000);
afterAll(async () => {
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The first block of this language in which `mark` stands. */
function block(language: string, mark: string): string {
  const blocks = [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    ([, text]) => text!,
  );
  const found = blocks.find((text) => text.includes(mark));
  if (found === undefined) throw new Error(`README.md has no ${language} block with ${mark}`);
  return found.replaceAll('http://127.0.0.1:8000', system.url);
}

async function said(command: string, args: string[]): Promise<string> {
  const env = { PYTHONPATH: join(root, 'python'), MPCSFAAS_URL: system.url, npm_config_update_notifier: 'false' };
  const program = run(command, args, env, folder);
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

it('curl', async () => {
  expect(await said('bash', ['-ec', block('sh', '/v1/call/add')])).toMatch(
    /"name":"add"[^]*\}\s*3\s*\{[^]*"name":"twice"/,
  );
});

it('Python, with the package', async () => {
  writeFileSync(join(folder, 'first.py'), block('python', 'from mpcsfaas import Executor'));
  expect(await said('/usr/bin/python3', ['first.py'])).toBe('42\n[0, 2, 4, 6, 8, 10, 12, 14, 16, 18]\n');
});

it('Python, the classic way', async () => {
  writeFileSync(join(folder, 'classic.py'), block('python', '/register_function'));
  expect(await said('/usr/bin/python3', ['classic.py'])).toBe('42\n');
});

it('TypeScript', async () => {
  writeFileSync(join(folder, 'hello.ts'), block('ts', "from '@mpcsfaas/client'"));
  expect(await said(process.execPath, ['hello.ts'])).toBe('3\n3\n7\n');
});

it('a file from the command line', async () => {
  const lines = block('sh', 'fn register greet.ts').replaceAll(
    'npm run --silent mpcsfaas --',
    `'${process.execPath}' '${join(root, 'packages/server/bin/mpcsfaas.mjs')}'`,
  );
  expect(await said('bash', ['-ec', lines])).toMatch(/^greet@1 registered \(\S+\)\n"?Hello, Ada!"?\n$/);
});
