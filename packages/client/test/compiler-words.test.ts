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
const esbuildOlder = (source: string): string =>
  transformSync(source, { loader: 'ts', format: 'cjs', target: 'es2016' }).code;
const tsc =
  (options: ts.CompilerOptions) =>
  (source: string): string =>
    ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, ...options } }).outputText;
const es2015 = tsc({ target: ts.ScriptTarget.ES2015 });

describe.each<[string, (source: string) => string]>([
  ['esbuild, which keeps names', esbuild],
  ['esbuild for ES2015', esbuildOld],
  ['esbuild for ES2016', esbuildOlder],
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
      'loops, generators and destructuring',
      `export const f = (map: [string, number][]) => {
        const twice = function* (n: number): Generator<number> { try { yield n; yield* [n * 2]; } finally { yield 0; } };
        let all: number[] = [];
        for (const [, value] of new Map(map)) { const [first, ...more] = [...twice(value)]; all = [...all, first!, ...more]; }
        return all;
      };`,
      [
        [
          ['a', 1],
          ['b', 5],
        ],
      ],
      [1, 2, 0, 5, 10, 0],
    ],
    [
      'asynchronous generators and loops',
      `export const f = async (n: number) => {
        const steps: string[] = [];
        const count = async function* () {
          try { for (let i = 0; i < n; i++) { const one = await Promise.resolve(i); const got: string = yield one; steps.push(got); }}
          catch (e) { yield e as number; } finally { steps.push('over'); }
        };
        for await (const one of count()) { steps.push('n' + one); if (one === 1) break; }
        for await (const one of [Promise.resolve('p'), 'q']) steps.push(one);
        const broken = count();
        await broken.next();
        steps.push(String((await broken.throw(7)).value));
        return steps;
      };`,
      [3],
      ['n0', null, 'n1', 'over', 'p', 'q', '7'],
    ],
    [
      'classes with private parts',
      `export const f = (n: number) => {
        class Base { name = 'base'; static made = 1; }
        class Box extends Base {
          #n: number;
          constructor(n: number) { super(); this.#n = n; }
          get #half() { return this.#n / 2; }
          #plus(more: number) { return this.#n + more; }
          grow() { this.#n += 1; return [this.#n, this.#half, this.#plus(10), #n in this, this.name, Box.made, this instanceof Base]; }
        }
        return new Box(n).grow();
      };`,
      [3],
      [4, 2, 14, true, 'base', 1, true],
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

/** As text, for the compiler's types know it no more. */
const ES5 = (importHelpers: boolean): ts.CompilerOptions =>
  JSON.parse(`{ "target": 1, "downlevelIteration": true, "importHelpers": ${importHelpers} }`) as ts.CompilerOptions;

/** Without generators: they are a switch over numbered steps there. */
it.each([false, true])('tsc for ES5, helpers from tslib: %s', async (importHelpers) => {
  const compile = tsc(ES5(importHelpers));
  const code = compile(`export const f = (map: [string, number][]) => {
    class Base { made = 'base'; }
    class More extends Base { constructor(readonly all: number[]) { super(); } }
    let all: number[] = [];
    for (const [, value] of new Map(map)) { const [first, ...more] = [value, 1, 2]; all = [...all, first!, ...more]; }
    const it = new More(all);
    return [it.made, it instanceof Base, ...it.all];
  };`);
  expect(code).toMatch(importHelpers ? /tslib_1\.__extends/ : /__extends\(/);
  const remote = await faas.register('es5', load(code));
  expect(await remote([['a', 7]])).toEqual(['base', true, 7, 1, 2]);
});

it.each<[string, string]>([
  ['__generator', 'exports.f = () => __generator(this, () => [2])'],
  ['__decorate', 'exports.f = () => { class A {} ; return __decorate([], A); }'],
  ['_class_call_check', 'exports.f = () => _class_call_check(1)'],
  ['_createClass', 'exports.f = () => _createClass(1)'],
  ['_load', 'function load() { return _load.apply(this, arguments); } exports.f = load;'],
])('a helper that is not supplied is named, with what to do: %s', async (helper, code) => {
  const refused = faas.register('helped', load(code));
  await expect(refused).rejects.toThrow(
    new RegExp(
      `^The function uses ${helper}, which is neither .* A compiler keeps ${helper} elsewhere in the file: compile for ES2022 or newer, or register the source`,
    ),
  );
  await expect(refused).rejects.toMatchObject({ name: 'NotSelfContained', names: [helper] });
});

it('the `_` of libraries is no helper, also in a function without a name', async () => {
  await expect(faas.register('sums', load('exports.f = (all) => _.sum(all)'))).rejects.toThrow(
    /^The function uses _, which is neither (?!.*compiler)/,
  );
});

it('what disposes is written as it is for ESNext alone', async () => {
  await expect(faas.register('using', load('exports.f = () => __using([], 1)'))).rejects.toThrow(
    /keeps __using elsewhere in the file: compile for ESNext, or register/,
  );
});

it('inner functions keep their names', async () => {
  const code = esbuild('export const f = () => { const inner = () => 1; return inner.name; };');
  expect(await (await faas.register('named', load(code)))()).toBe('inner');
});

it('one of tslib, too', () => {
  expect(() =>
    sourceOf(load('const tslib_1 = {}; exports.f = (a) => tslib_1.__esDecorate(tslib_1.__rest(a))')),
  ).toThrow(/^A compiler keeps __esDecorate elsewhere in the file/);
});

it("SWC's are objects where they are imported", async () => {
  const code = `const _async_to_generator = {}; exports.f = (n) => (0, _async_to_generator._)(function* () { return (yield n) + 1; })();`;
  expect(await (await faas.register('swc', load(code)))(1)).toBe(2);
});

it('a function that needs none of it travels as it is', () => {
  const fn = (a: number): number => a + 1;
  expect(sourceOf(fn)).toBe(Function.prototype.toString.call(fn));
  expect(sourceOf(load('exports.f = (o) => o.__name'))).toBe('(o) => o.__name');
});
