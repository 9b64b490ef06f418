// Compiles what is published: the server's and the contract's TypeScript, types stripped, file by file, into
// packages/server/dist; and the Python SDK's sources into packages/server/sdk. One file in is one file out, so that what lies beside a source is found beside its output.
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'packages/server/dist');
const CONTRACT = '@mpcsfaas/contract';

rmSync(out, { recursive: true, force: true });
compile(join(root, 'packages/server/src'), out);
compile(join(root, 'packages/contract/src'), join(out, 'contract'));
cpSync(join(root, 'LICENSE'), join(root, 'packages/server/LICENSE'));
// What the service makes the Python SDK's wheel from.
const sdk = join(root, 'packages/server/sdk/python');
rmSync(sdk, { recursive: true, force: true });
for (const name of ['pyproject.toml', 'README.md', 'mpcsfaas']) {
  const filter = (path) => !path.endsWith('__pycache__') && !path.endsWith('.pyc');
  cpSync(join(root, 'python', name), join(sdk, name), { recursive: true, filter });
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
  const contract = relative(folder, join(out, 'contract/index.js'));
  return stripTypeScriptTypes(source, { mode: 'strip' })
    .replaceAll(/((?:from|import)\s*\(?\s*'\.[^']*)\.ts'/g, "$1.js'")
    .replaceAll(`'${CONTRACT}'`, `'${contract.startsWith('.') ? contract : `./${contract}`}'`);
}
