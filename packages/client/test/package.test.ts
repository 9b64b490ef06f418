// What is published: one tarball, installed alone in an empty folder, used from TypeScript and from the system's own Node.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { root } from '../../../test/harness/program.ts';
import { freePort } from '../../../test/harness/redis.ts';
import { startUp } from './service.ts';

const MOST_BYTES = 15 * 1000;

let home: string;
let folder: string;
let tarball: string;
// The workspace's own folders of programs hold a newer Node: a user has none of them.
const path = (process.env['PATH'] ?? '').split(delimiter).filter((one) => !one.includes('node_modules'));

function run(command: string, args: string[], cwd = folder): string {
  const env = {
    HOME: home,
    PATH: path.join(delimiter),
    npm_config_cache: join(home, '.npm'),
    npm_config_update_notifier: 'false',
  };
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'test-client-'));
  folder = join(home, 'project');
  mkdirSync(folder);
  execFileSync('npm', ['pack', '--pack-destination', home], { cwd: join(root, 'packages/client'), stdio: 'pipe' });
  tarball = join(home, 'mpcsfaas-client-0.1.0.tgz');
  writeFileSync(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }\n');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball]);
}, 120_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

it('is small, and holds one module with its declarations', () => {
  expect(statSync(tarball).size).toBeLessThanOrEqual(MOST_BYTES);
  const files = run('tar', ['-tzf', tarball]).trim().split('\n').sort();
  expect(files).toEqual([
    'package/README.md',
    'package/dist/index.d.ts',
    'package/dist/index.js',
    'package/package.json',
  ]);
  expect(readFileSync(join(folder, 'node_modules/@mpcsfaas/client/dist/index.js'), 'utf8')).not.toMatch(
    /\bfrom ?["']|\brequire\(/,
  );
});

it('brings nothing along', () => {
  const tree = JSON.parse(run('npm', ['ls', '--all', '--json'])) as {
    dependencies: Record<string, { dependencies?: object }>;
  };
  expect(Object.keys(tree.dependencies)).toEqual(['@mpcsfaas/client']);
  expect(tree.dependencies['@mpcsfaas/client']!.dependencies ?? {}).toEqual({});
});

const PROGRAM = `import { Faas, RemoteError } from '@mpcsfaas/client';

const faas = new Faas({ url: process.argv[2] ?? '' });
const add = await faas.register('add', (a: number, b: number) => a + b);
const sum: number = await add(1, 2);
const values: number[] = await add.starmap([[1, 2], [3, 4]]).toArray();
let many = 0;
for await (const value of add.starmap(Array.from({ length: 500 }, (_, n): [number, number] => [n, n]))) many += value;
const fail = await faas.register('fail', () => { throw new RangeError('no'); });
const error: unknown = await fail().catch((reason: unknown) => reason);
const at: string = await (await faas.register('at', () => new Date(0)))();
console.log(JSON.stringify([at.slice(0, 4), sum, values, many, error instanceof RemoteError && [error.name, error.typeName]]));
`;

const tsc = (...flags: string[]): string =>
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--strict',
    '--exactOptionalPropertyTypes',
    ...flags,
  ]);

it('passes the strictest check of whoever uses it, with the library of a page', () => {
  writeFileSync(join(folder, 'page.ts'), `declare const process: { argv: string[] };\n${PROGRAM}`);
  const flags = ['--noEmit', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler'];
  expect(tsc(...flags, '--lib', 'es2022,dom', 'page.ts')).toBe('');
  writeFileSync(join(folder, 'wrong.ts'), PROGRAM.replace('const sum: number', 'const sum: string'));
  expect(() => tsc(...flags, '--skipLibCheck', '--lib', 'es2022,dom', 'wrong.ts')).toThrow();
});

it("runs on the system's own Node, and the program ends by itself", async () => {
  expect(Number(/^v(\d+)/.exec(run('node', ['--version']))?.[1])).toBeGreaterThanOrEqual(20);
  const types = join(root, 'node_modules/@types');
  writeFileSync(join(folder, 'program.ts'), PROGRAM);
  tsc('--target', 'es2022', '--module', 'nodenext', '--typeRoots', types, '--types', 'node', 'program.ts');
  const up = await startUp();
  expect(JSON.parse(run('node', ['program.js', up.url]))).toEqual([
    ...['1970', 3, [3, 7], 249_500],
    ['RemoteError', 'RangeError'],
  ]);
  await up.stop();
});

it('of an uncaught error Node prints its sentence, after one short line of where it was thrown', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  writeFileSync(
    join(folder, 'nobody.js'),
    `import { Faas } from '@mpcsfaas/client';\nawait new Faas({ url: '${url}', retries: 0 }).version();\n`,
  );
  const told = spawnSync(process.execPath, ['nobody.js'], { cwd: folder, encoding: 'utf8' }).stderr;
  const sentence = `ConnectionFailed: No service answers at ${url} (ECONNREFUSED): start one with \`mpcsfaas up\``;
  expect(told.indexOf(sentence)).toBeGreaterThan(0);
  expect(told.indexOf(sentence)).toBeLessThan(400);
  expect(told.length).toBeLessThan(3000);
  // Wherever it is thrown.
  const module = readFileSync(join(folder, 'node_modules/@mpcsfaas/client/dist/index.js'), 'utf8');
  const throwing = module.split('\n').filter((line) => /\bthrow\b/.test(line));
  expect(Math.max(...throwing.map((line) => line.length))).toBeLessThan(400);
});

const COMMON = `import { Faas } from '@mpcsfaas/client';

async function main(): Promise<void> {
  const faas = new Faas({ url: process.argv[2] ?? '' });
  const add = await faas.register('add', (a: number, b: number) => a + b);
  const sum: number = await add(1, 2);
  console.log(sum);
}
void main();
`;

it('is found from CommonJS, also by compilers that look only for `main`', async () => {
  const types = join(root, 'node_modules/@types');
  mkdirSync(join(folder, 'common'));
  writeFileSync(join(folder, 'common/package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(join(folder, 'common/program.ts'), COMMON);
  const flags = ['--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
  tsc('--target', 'es2022', ...flags, '--typeRoots', types, '--types', 'node', 'common/program.ts');
  const up = await startUp();
  onTestFinished(() => up.stop());
  expect(run('node', ['common/program.js', up.url])).toBe('3\n');
});

/** Compiled for ES2015 these functions use what the compiler keeps elsewhere in the file. */
const OLDER = `import { Faas } from '@mpcsfaas/client';

async function main(): Promise<void> {
  const faas = new Faas({ url: process.argv[2] ?? '' });
  const next = await faas.register('next', async (n: number) => (await Promise.resolve(n)) + 1);
  const moved = await faas.register('moved', ({ a, ...rest }: { a: number; b: number }) => ({ ...rest, c: a }));
  const sum = await faas.register('sum', async (...all: number[]) => {
    const each = async function* () { for (const one of all) yield await Promise.resolve(one); };
    let found = 0;
    for await (const one of each()) found += one;
    return Math.max(found, ...all);
  });
  const grown = await faas.register('grown', (n: number) => {
    class Box { #n = n; grow() { this.#n += 1; return this.#n; } }
    return new Box().grow();
  });
  console.log(JSON.stringify([await next(1), await moved({ a: 1, b: 2 }), await sum(1, 2, 3), await grown(1)]));
}
void main();
`;

it('what an older target needs is supplied by what is published, too', async () => {
  const types = join(root, 'node_modules/@types');
  writeFileSync(join(folder, 'older.ts'), OLDER);
  const flags = ['--target', 'es2015', '--lib', 'es2022,dom', '--module', 'nodenext'];
  tsc(...flags, '--typeRoots', types, '--types', 'node', 'older.ts');
  const compiled = readFileSync(join(folder, 'older.js'), 'utf8');
  for (const helper of ['__awaiter', '__rest', '__asyncGenerator', '__asyncValues', '__classPrivateFieldSet'])
    expect(compiled).toContain(`${helper}(`);
  const up = await startUp();
  onTestFinished(() => up.stop());
  expect(JSON.parse(run('node', ['older.js', up.url]))).toEqual([2, { b: 2, c: 1 }, 6, 2]);
});
