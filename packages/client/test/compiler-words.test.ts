// Functions as compilers leave them: each is compiled, loaded as a program would be, registered by its text, and called.
import { runInThisContext } from 'node:vm';
import { transformSync } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceOf } from '../src/source.ts';
import { Faas } from '../src/index.ts';
import { startUp } from './service.ts';
import type { System } from '../../../test/harness/system.ts';

let up: System;
let faas: Faas;
beforeAll(async () => {
  up = await startUp();
  faas = new Faas({ url: up.url });
});
afterAll(() => up.stop());

type Fn = (...args: unknown[]) => unknown;

/** Of a text that ends with the function `f`; modules are had by `require`. */
function load(code: string): Fn {
  const module = { exports: {} as { f?: Fn } };
  const wrapped = runInThisContext(`(module, exports, require) => { ${code}\n }`) as (...parts: unknown[]) => void;
  wrapped(module, module.exports, (name: string) =>
    name === 'tslib' ? { __awaiter: (): never => expect.fail('not here') } : process.getBuiltinModule(name),
  );
  return module.exports.f!;
}

const esbuild = (source: string): string =>
  transformSync(source, { loader: 'ts', format: 'cjs', keepNames: true, target: 'es2017' }).code;
const esbuildOld = (source: string): string =>
  transformSync(source, { loader: 'ts', format: 'cjs', target: 'es2015' }).code;
const tsc =
  (options: ts.CompilerOptions) =>
  (source: string): string =>
    ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, ...options } }).outputText;
const es2015 = tsc({ target: ts.ScriptTarget.ES2015 });

describe.each<[string, (source: string) => string]>([
  ['esbuild, which keeps names', esbuild],
  ['esbuild for ES2015', esbuildOld],
  ['tsc for ES2015', es2015],
  ['tsc for ES2015 with tslib', tsc({ target: ts.ScriptTarget.ES2015, importHelpers: true })],
  ['tsc for ES2022', tsc({ target: ts.ScriptTarget.ES2022, esModuleInterop: true })],
])('%s', (name, compile) => {
  it.each<[string, string, unknown[], unknown]>([
    [
      'inner functions',
      'export const f = (n: number) => { function one() { return 1; } const two = () => 2; return n + one() + two(); };',
      [1],
      4,
    ],
    [
      'async',
      'export const f = async (n: number): Promise<number> => { const m = await Promise.resolve(n); if (m > 5) throw new Error("no"); return m + 1; };',
      [1],
      2,
    ],
    [
      'async function with this and arguments',
      'export async function f(n: number) { const inner = async (k: number) => k * (await n); return (await inner(3)) + (await inner(4)); }',
      [2],
      14,
    ],
    [
      'rest and spread of objects',
      'export const f = (o: any) => { const { a, ...rest } = o; return { ...rest, c: [...[a], 1] }; };',
      [{ a: 1, b: 2 }],
      { b: 2, c: [1, 1] },
    ],
    [
      "an import of Node's",
      'export const f = async (a: string) => { const { join } = await import("node:path"); return join(a, "b"); };',
      ['a'],
      'a/b',
    ],
  ])('%s', async (what, source, args, value) => {
    const fn = load(compile(source));
    const remote = await faas.register(`${name} ${what}`.replaceAll(/\W/g, '-'), fn);
    expect(await remote(...args)).toEqual(value);
  });
});

it('what counts for coverage counts nothing', async () => {
  const code = `
    function cov_1a2b() { throw new Error('the real one'); }
    exports.f = (n) => { cov_1a2b().f[0]++; cov_1a2b().s[3]++; return n > 1 ? (cov_1a2b().b[0][0]++, 'many') : (cov_1a2b().b[0][1]++, 'one'); };`;
  expect(await (await faas.register('covered', load(code)))(2)).toBe('many');
});

it('what Vitest makes of a dynamic import is one again', async () => {
  const here = await faas.register('here', async () => (await import('node:os')).EOL);
  expect(await here()).toBe('\n');
});

it('comments between the first words do not make it a method', () => {
  for (const text of ['async /* a */ (x) => x', 'async/* a */function(x) { return x; }', 'x /* a => */ => x'])
    expect(sourceOf(runInThisContext(`(${text})`) as Fn)).toBe(text);
});

it('a function that needs none of it travels as it is', () => {
  const fn = (a: number): number => a + 1;
  expect(sourceOf(fn)).toBe(Function.prototype.toString.call(fn));
  expect(sourceOf(load('exports.f = (o) => o.__name'))).toBe('(o) => o.__name');
});
