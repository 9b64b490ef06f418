// Compiles what is published: the server's and the contract's TypeScript, types stripped, file by file, into
// packages/server/dist; and the Python SDK's sources into packages/server/sdk. One file in is one file out, so that what lies
// beside a source is found beside its output. The client becomes one module and its declarations in packages/client/dist.
// Without a name: both.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'packages/server/dist');
const CONTRACT = '@mpcsfaas/contract';

const [wanted] = process.argv.slice(2);

if (wanted !== 'client') buildServer();
if (wanted !== 'server') await buildClient();

function buildServer() {
  rmSync(out, { recursive: true, force: true });
  compile(join(root, 'packages/server/src'), out);
  compile(join(root, 'packages/contract/src'), join(out, 'contract'));
  cpSync(join(root, 'LICENSE'), join(root, 'packages/server/LICENSE'));
  copyPythonSdk(join(root, 'packages/server/sdk/python'));
}

/** What the service makes the Python SDK's wheel from. */
function copyPythonSdk(sdk) {
  rmSync(sdk, { recursive: true, force: true });
  for (const name of ['pyproject.toml', 'README.md', 'LICENSE', 'mpcsfaas']) {
    const filter = (path) => !path.endsWith('__pycache__') && !path.endsWith('.pyc');
    cpSync(join(root, 'python', name), join(sdk, name), { recursive: true, filter });
  }
}

/** One module, small, for a page loads it at once; and one file of declarations with the comments that editors show. */
async function buildClient() {
  const folder = join(root, 'packages/client');
  const dist = join(folder, 'dist');
  const made = mkdtempSync(join(tmpdir(), 'client-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', folder, '--outDir', made], { stdio: 'inherit' });
  const { build, transform } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'src/index.ts')],
    ...{ bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning' },
    ...{ minify: true, write: false },
    plugins: [{ name: 'short texts', setup: shortTexts }],
  });
  const module = inLines(outputFiles[0].text);
  const meaning = (text) => transform(text, { minify: true }).then(({ code }) => code);
  const [was, is] = await Promise.all([meaning(outputFiles[0].text), meaning(module).catch(() => undefined)]);
  if (is !== was) throw new Error('A line break changes what the client does.');
  mkdirSync(dist, { recursive: true });
  // Each file is there at any time, the one before or this one: somebody may be reading it.
  for (const [name, text] of Object.entries({ 'index.js': module, 'index.d.ts': declarations(made) })) {
    const fresh = join(dist, `.${process.pid}.${name}`);
    writeFileSync(fresh, text);
    renameSync(fresh, join(dist, name));
  }
  rmSync(made, { recursive: true });
}

/**
 * With lines that end where statements do, in the place of semicolons: of an uncaught error Node prints the line that threw
 * it before the error's own sentence. esbuild's `lineLimit` breaks anywhere, and makes the tarball 200 bytes larger.
 */
function inLines(code) {
  const begins = '(?:#|(?:async|class|for|function|get|if|let|return|static|throw|try|var)\\b)';
  return code
    .replaceAll(new RegExp(`;(?=${begins})`, 'g'), '\n')
    .replaceAll(new RegExp(`(?<=\\})(?=${begins})`, 'g'), '\n');
}

/** The texts of compiler-helpers.ts are programs, as it is one itself. */
function shortTexts({ onLoad }) {
  onLoad({ filter: /compiler-helpers\.ts$/ }, ({ path }) => ({
    loader: 'ts',
    contents: withoutBlanks(readFileSync(path, 'utf8')),
  }));
}

/** Without those that separate no words. */
function withoutBlanks(code) {
  return code.replaceAll(/(?<![\w$]) +| +(?![\w$])/g, '');
}

/** The modules that the public face speaks of, one after the other; what it does not export stays unexported. */
function declarations(folder) {
  const read = (name) => readFileSync(join(folder, `${name}.d.ts`), 'utf8');
  const imported = (text) => [...text.matchAll(/ from '\.\/([\w-]+)\.ts'/g)].map(([, name]) => name);
  const face = read('index');
  const names = new Set(imported(face));
  for (const name of names) for (const next of imported(read(name))) names.add(next);
  const bodies = [...names].map((name) =>
    read(name)
      .replaceAll(/^(import|\/\/) .*\n/gm, '')
      .replaceAll(/^export (declare |interface |type )/gm, '$1')
      .replaceAll(/^export \{\};\n/gm, ''),
  );
  // Exported where they stand, which is shorter than a list; a class of which only the type is had cannot be.
  const listed = (kind) =>
    new Set([...face.matchAll(kind)].flatMap(([, list]) => list.split(',').map((name) => name.trim())).filter(Boolean));
  const values = listed(/^export \{([^}]*)\}/gm);
  const types = listed(/^export type \{([^}]*)\}/gm);
  const text = bodies.join('').replaceAll(/^(declare class|interface|type) (\w+)/gm, (whole, kind, name) => {
    const isHere = values.has(name) || (kind !== 'declare class' && types.delete(name));
    return isHere ? `export ${whole}` : whole;
  });
  const isSpoken = (name) => text.match(new RegExp(`\\b${name}\\b`, 'g')).length > 1;
  // What the face does not speak of.
  const spoken = text.replaceAll(/^interface (\w+) [^]*?^}\n/gm, (whole, name) => (isSpoken(name) ? whole : ''));
  // The end of a line ends what stands on it, too.
  return `${spoken}export type { ${[...types].join(', ')} };\n`
    .replaceAll(/^ +/gm, '')
    .replaceAll('{\n}', '{}')
    .replaceAll(/^(?![/*])(.*?);?$/gm, (_, line) => withoutBlanks(line));
}

function compile(from, to) {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(to, relative(from, source));
    mkdirSync(dirname(target), { recursive: true });
    if (!source.endsWith('.ts')) cpSync(source, target);
    else writeFileSync(target.replace(/\.ts$/, '.js'), javascript(readFileSync(source, 'utf8'), dirname(target)));
  }
}

/** Strips types; imports name the compiled files, and the private contract lies among them. */
function javascript(source, folder) {
  const contract = (entry) => {
    const path = relative(folder, join(out, `contract/${entry}.js`));
    return `'${path.startsWith('.') ? path : `./${path}`}'`;
  };
  return stripTypeScriptTypes(source, { mode: 'strip' })
    .replaceAll(/((?:from|import)\s*\(?\s*'\.[^']*)\.ts'/g, "$1.js'")
    .replaceAll(`'${CONTRACT}'`, contract('index'))
    .replaceAll(`'${CONTRACT}/words'`, contract('words'));
}
