// The README's first functions, and what the pages of docs/ begin with, do what they say on a service that runs. Its address
// stands for the one in the text.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, run } from './harness/program.ts';
import { startSystem, type System } from './harness/system.ts';

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
function block(language: string, mark: string, page = 'README.md'): string {
  const text = readFileSync(join(root, page), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    ([, inner]) => inner!,
  );
  const found = blocks.find((one) => one.includes(mark));
  if (found === undefined) throw new Error(`${page} has no ${language} block with ${mark}`);
  return found.replaceAll('http://127.0.0.1:8000', system.url);
}

async function said(command: string, args: string[], cwd = folder, more: Record<string, string> = {}): Promise<string> {
  const env = { PYTHONPATH: join(root, 'python'), MPCSFAAS_URL: system.url, npm_config_update_notifier: 'false' };
  const program = run(command, args, { ...env, ...more }, cwd);
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

describe('what a page begins with, once the service is there:', () => {
  /** Somewhere else than in the checkout. */
  let away: string;
  beforeAll(() => {
    away = mkdtempSync(join(tmpdir(), 'test-pages-'));
  });
  afterAll(() => rmSync(away, { recursive: true, force: true }));

  /** Its first block, from behind the line that waits for the service. */
  function beginning(page: string): string {
    const [, rest] = block('sh', 'npm start &', page).split(/^until .*\n/m);
    if (rest === undefined) throw new Error(`${page} does not wait for the service that it starts`);
    return rest;
  }

  it.each<[string, string, RegExp]>([
    ['docs/python.md', '', /^1024\n\[0, 2, 4, 6, 8\]\n$/m],
    ['docs/migrating.md', 'python3 -c "import mpcsfaas; print(mpcsfaas.__path__)"', /^\['.*\/\.venv\/.*\]\n$/m],
    ['README.md', 'python3 -c "import mpcsfaas; print(mpcsfaas.__path__)"', /^\['.*\/\.venv\/.*\]\n$/m],
  ])(
    '%s',
    async (page, more, tells) => {
      const lines = page === 'README.md' ? block('sh', 'pip install', page) : beginning(page);
      // PyPI may be out of reach: dill is the system's.
      const script = lines.replace('python3 -m venv', '/usr/bin/python3 -m venv --system-site-packages') + more;
      const env = { PYTHONPATH: '', PIP_NO_INDEX: '1', PIP_NO_CACHE_DIR: '1' };
      expect(await said('bash', ['-ec', script], mkdtempSync(join(away, 'python-')), env)).toMatch(tells);
    },
    120_000,
  );

  it('docs/typescript.md', async () => {
    const env = { npm_config_audit: 'false', npm_config_fund: 'false' };
    await said('bash', ['-ec', beginning('docs/typescript.md').replaceAll('/tmp', away)], root, env);
    writeFileSync(join(away, 'try/hello.mts'), block('ts', "from '@mpcsfaas/client'", 'docs/typescript.md'));
    expect(await said(process.execPath, ['hello.mts'], join(away, 'try'))).toBe('3\n');
  }, 120_000);

  it('docs/cli.md', async () => {
    // In a pipe `top` goes on for ever.
    const lines = beginning('docs/cli.md').replace(/^npx mpcsfaas top\b/m, '$& --frames 1');
    expect(await said('bash', ['-ec', lines])).toMatch(/^double@\d+ registered \(\S+\)\n42\n[^]*^throughput /m);
    const values = Array.from({ length: 1_000 }, (_, n) => `${2 * (n + 1)}\n`);
    expect(readFileSync(join(folder, 'doubled.ndjson'), 'utf8')).toBe(values.join(''));
  }, 120_000);
});
