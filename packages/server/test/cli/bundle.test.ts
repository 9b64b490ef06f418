// `fn register` of files that import others and packages: what they need travels with them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importsMore } from '../../src/cli/bundle.ts';
import { mpcsfaas } from './harness.ts';
import { startCliService, type CliService } from './service.ts';

let service: CliService;
const write = (name: string, text: string): void => {
  const file = join(service.folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

beforeAll(async () => {
  service = await startCliService('', []);
  write(
    'node_modules/shout/package.json',
    '{ "name": "shout", "version": "1.0.0", "type": "module", "exports": "./shout.js" }',
  );
  write('node_modules/shout/shout.js', 'export const shout = (text) => `${text.toUpperCase()}!`;\n');
  write('node_modules/old-way/package.json', '{ "name": "old-way", "version": "1.0.0", "main": "main.js" }');
  write(
    'node_modules/old-way/main.js',
    "const path = require('path');\nmodule.exports = { last: (p) => path.basename(p) };\n",
  );
  // As some packages of both kinds have it in their modules.
  write('node_modules/asks/package.json', '{ "name": "asks", "version": "1.0.0", "exports": "./asks.mjs" }');
  write(
    'node_modules/asks/asks.mjs',
    "import { createRequire } from 'module';\nvar require = createRequire('/');\nexport const { sep } = require('path');\n",
  );
  write(
    'src/asking.ts',
    "import { createRequire } from 'node:module';\nimport { sep } from 'asks';\nimport old from 'old-way';\n" +
      'export const asking = (): unknown[] => [sep, old.last("/a/b"), typeof createRequire];\n',
  );
  write('src/tone.ts', 'export enum Tone { Loud = "loud" }\n');
  write(
    'src/greet.ts',
    `import { basename } from 'node:path';
import { shout } from 'shout';
import old from 'old-way';
import { Tone } from './tone.ts';

export const greet = (name: string, tone: Tone = Tone.Loud): string =>
  tone === Tone.Loud ? shout(basename(old.last(name))) : name;
export const other = (): number => 1;
`,
  );
});
afterAll(() => service.stop());

describe('fn register', () => {
  it('bundles packages of both kinds and files, TypeScript that cannot be erased too', async () => {
    expect(await service.done('fn', 'register', 'src/greet.ts:greet')).toMatch(/^greet@1 registered/);
    expect(await service.done('call', 'greet', '/tmp/ada')).toBe('ADA!\n');
    // The same files are the same version, wherever the command was typed.
    const again = await mpcsfaas(['fn', 'register', 'greet.ts:greet'], service.env, join(service.folder, 'src'));
    expect(again.stdout).toMatch(/^greet@1 is unchanged/);
  });

  it('takes modules that make a require of their own', async () => {
    expect(await service.done('fn', 'register', 'src/asking.ts:asking')).toMatch(/^asking@1 registered/);
    expect(await service.done('call', 'asking')).toBe('["/","b","function"]\n');
  });

  it.each<[string, string, string, RegExp]>([
    [
      'missing.ts',
      '',
      "import x from 'left-out';\nexport default () => x;\n",
      /^missing\.ts line 1 imports "left-out", which is not to be found: install it there \(npm install left-out\)\.$/,
    ],
    [
      'lost.ts',
      '',
      "import x from './lost-one.ts';\nexport default () => x;\n",
      /^lost\.ts line 1 imports "\.\/lost-one\.ts", which is not to be found: there is no such file\.$/,
    ],
    [
      'broken.ts',
      '',
      "import { shout } from 'shout';\nexport default () => shout(;\n",
      /^broken\.ts line 2 cannot be bundled: Unexpected ";"\.$/,
    ],
    [
      'two.ts',
      ':three',
      "import { shout } from 'shout';\nexport const one = shout;\n",
      /^two\.ts exports no function 'three'; it exports one \(/,
    ],
  ])('%s: one sentence', async (file, entry, source, sentence) => {
    write(file, source);
    const { code, stderr } = await service.cli('fn', 'register', `${file}${entry}`);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^mpcsfaas: [^\n]+\n$/)]);
    expect(stderr.slice('mpcsfaas: '.length, -1)).toMatch(sentence);
  });
});

it.each([
  ["import { join } from 'node:path';\nexport default () => join('a', 'b');", false],
  ["import fs from 'fs'; import x from 'https://example.invalid/x.js'; export default () => fs;", false],
  ['export default () => 1;', false],
  ["import x from 'x';", true],
  ["import './side.js';", true],
  ["export { x } from './x.js';", true],
  ["export default async () => (await import('x')).default;", true],
  ["import type { X } from 'x';", true],
])('%s imports more than Node has: %s', (source, more) => {
  expect(importsMore(source)).toBe(more);
});
