// Free names by the rules of strict code's scopes, and what is refused for them.
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/tasks/refusal.ts';
import { BUNDLE_BANNER } from '../../../src/tasks/source/banner.ts';
import { freeNames } from '../../../src/tasks/source/free-names.ts';
import { demandSelfContained } from '../../../src/tasks/source/self-contained.ts';

describe('freeNames', () => {
  it.each<[string, string[]]>([
    ['(a, b) => a + b', []],
    ['(r) => r * r * PI', ['PI']],
    ['function f(n) { return n < 2 ? 1 : n * f(n - 1) }', []],
    ['() => { function f() {} return f(g) }', ['g']],
    ['({ a: b = c, ...d }, [e = f] = []) => a + b + d + e', ['c', 'f', 'a']],
    ['() => { { let x = 1 } return x }', ['x']],
    ['() => { { var x = 1 } return x }', []],
    ['() => { for (let i = 0; i < 1; i++); return i }', ['i']],
    ['() => { for (const x of xs) x; }', ['xs']],
    ['() => { try { a } catch (e) { e } e }', ['a', 'e']],
    ['() => { try {} catch { b } }', ['b']],
    ['() => { switch (k) { case 1: let u = 1; default: u } u }', ['k', 'u']],
    ['() => { out: for (;;) { break out } }', []],
    ['(x) => ({ x, y, [z]: 1, m() {}, get p() { return q } })', ['y', 'z', 'q']],
    ['(x) => x.y.z + x[w]', ['w']],
    [
      '() => { class A extends B { #p = 1; static s = t; [u]() { return this.#p + A.s } } return new A() }',
      ['B', 't', 'u'],
    ],
    ['function () { return arguments.length + new.target }', []],
    ['() => arguments', ['arguments']],
    ['() => { n = 1 }', ['n']],
    ['() => `${t}` + tag`x`', ['t', 'tag']],
    ['async () => { const { join } = await import("node:path"); return join(dir) }', ['dir']],
    // What is asked for first may be there.
    ['() => (typeof helper === "function" ? helper() : 0)', []],
    ['() => { globalThis.cache ??= new M(); return cache }', ['globalThis', 'M']],
  ])('%s', (text, names) => {
    expect(freeNames(`(${text})`)).toEqual(names);
  });
});

describe('demandSelfContained', () => {
  const refused = (source: string): Refusal => {
    try {
      demandSelfContained(source);
    } catch (refusal) {
      if (refusal instanceof Refusal) return refusal;
      throw refusal;
    }
    throw new Error('it was let pass');
  };

  it('names what is missing, in a sentence and as data', () => {
    expect(refused('(r) => scale(r * PI);')).toMatchObject({
      code: 'not_self_contained',
      message:
        'The function uses scale, PI, which are neither declared in it nor global: its text travels alone. Declare or import them inside the function, or pass them as arguments.',
      members: { names: ['scale', 'PI'] },
    });
    expect(refused('() => require("node:os")').message).toMatch(/await import\('node:…'\)/);
  });

  it.each<[string, string[]]>([
    ['export default (x) => x * y', ['y']],
    ['export default function (x) { return missing(x) }', ['missing']],
    ['export default function f(x) { return x ? f(x - 1) : g }', ['g']],
    ['const a = missing;\nexport default () => a;', ['missing']],
    ['function f() { count = 1 }\nexport { f as default };', ['count']],
    ['export const a = () => b;\nexport { c };\nlet c;', ['b']],
    ["import { join } from 'node:path';\nexport default () => join(dir);", ['dir']],
    ['await import("node:os");\nexport default () => a;', ['a']],
    [`${BUNDLE_BANNER}\n// main.ts\nexport default () => require("node:os").cpus(a);`, ['a']],
    // As esbuild heads the files of a bundle: what is missing in a package is let pass.
    ['// node_modules/p/index.js\nvar p = () => a;\n// main.ts\nvar m = () => p(b);\nexport { m };', ['b']],
  ])('names what is missing in a module: %s', (source, names) => {
    expect(refused(source).members).toEqual({ names });
  });

  it.each([
    [
      'its own names',
      'import a, { b as c } from "node:os";\nimport * as d from "node:fs";\nclass E {}\nexport default () => [a, c, d, E, f, g, H, i];\nexport function f() {}\nexport const { g } = E;\nexport class H {}\nif (g) { var i; }',
    ],
    [
      'what is exported from elsewhere',
      'export { a as b } from "node:os";\nexport * from "node:fs";\nexport default (x) => x;',
    ],
    ['what it asks for first', 'export default () => (typeof missing === "undefined" ? 0 : missing)'],
    ['what is caught', 'export default () => { try { return missing } catch { return 0 } }'],
    ['what it makes global', 'globalThis.made = 1;\nexport default () => made'],
    ['what others may make global', 'Object.assign(globalThis, { made: 1 });\nexport default () => made'],
    ['what an import may make global', 'import "data:text/javascript,globalThis.made=1";\nexport default () => made'],
    [
      'a var of a static block',
      'class A { static { for (var i = 0; i < 3; i++) A.n = i; } }\nexport default () => A.n;',
    ],
    ['what a dynamic import may make global', 'await import("file:///srv/globals.mjs");\nexport default () => made();'],
    [
      'what createRequire may make global',
      'import { createRequire } from "node:module";\ncreateRequire("file:///")("/a.cjs");\nexport default () => made();',
    ],
    ['what eval may make global', 'globalThis.eval("made = 1");\nexport default () => made'],
    ['what a page has', 'const isPage = typeof document !== "undefined";\nexport default () => isPage && paint(1);'],
    ['what elements are', 'export default (x) => (x instanceof HTMLCanvasElement ? cancelAnimationFrame(1) : 1)'],
    ['what other hosts have', 'const isPage = false;\nexport default () => (isPage ? document.title : 1)'],
    ['labels, members and keys', 'export default (x) => { out: for (;;) break out; return { y: x.z, w() {} } }'],
    ['import.meta', 'export default () => import.meta.url'],
    ['what is nested too deeply to be looked at', `export default () => missing${'.set(1, 2)'.repeat(9000)}`],
    ['what webpack puts together', ';// ./node_modules/p/index.js\nvar p = () => a;\nexport default p;'],
    ['what was made small', `var a=()=>b;/*${'x'.repeat(600)}*/export{a as default};`],
    ['CommonJS, of which loading it tells more', 'module.exports = () => 1;\nconst a = 1;'],
    ['TypeScript', 'const a: number = missing;\nexport default () => a;'],
  ])('lets a module pass with %s', (_, source) => {
    expect(() => demandSelfContained(source)).not.toThrow();
  });

  it.each([
    [
      'globals',
      '(x) => structuredClone([Math.max(x), JSON, Buffer, process.pid, fetch, URL, setTimeout, hasOwnProperty])',
    ],
    ['what is not JavaScript', 'this is nothing'],
    ['TypeScript', '(a: number) => a + missing'],
    ['what is nested too deeply to be looked at', `() => missing${'.set(1, 2)'.repeat(9000)}`],
    ['what is too large to be looked at here', `() => missing + ${JSON.stringify('x'.repeat(300_000))}`],
  ])('lets pass %s', (_, source) => {
    expect(() => demandSelfContained(source)).not.toThrow();
  });
});
