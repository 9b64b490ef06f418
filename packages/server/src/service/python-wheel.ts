// The wheel of the Python SDK, made from its sources: a machine that only runs the service has no tools to build one.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { zipOf } from './zip.ts';
import type { ZipEntry } from './zip.ts';

export interface Wheel {
  file: string;
  bytes: Buffer;
  /** SHA-256, hexadecimal. */
  digest: string;
}

const PACKAGE = 'mpcsfaas';

/** `folder` holds pyproject.toml, README.md, LICENSE and the package, as in `python/`. */
export function pythonWheelOf(folder: string): Wheel {
  const project = readFileSync(join(folder, 'pyproject.toml'), 'utf8');
  const version = wordOf(project, 'version');
  const info = `${PACKAGE}-${version}.dist-info`;
  const sources = readdirSync(join(folder, PACKAGE))
    .filter((name) => name.endsWith('.py') || name === 'py.typed')
    .sort()
    .map((name): ZipEntry => ({ name: `${PACKAGE}/${name}`, content: readFileSync(join(folder, PACKAGE, name)) }));
  const texts: [string, string][] = [
    ['LICENSE', readFileSync(join(folder, 'LICENSE'), 'utf8')],
    ['METADATA', metadata(project, readFileSync(join(folder, 'README.md'), 'utf8'))],
    ['WHEEL', 'Wheel-Version: 1.0\nGenerator: mpcsfaas\nRoot-Is-Purelib: true\nTag: py3-none-any\n'],
    ['top_level.txt', `${PACKAGE}\n`],
  ];
  const entries = [
    ...sources,
    ...texts.map(([name, text]) => ({ name: `${info}/${name}`, content: Buffer.from(text) })),
  ];
  const record = [...entries.map(recordLine), `${info}/RECORD,,`].join('\n') + '\n';
  const bytes = zipOf([...entries, { name: `${info}/RECORD`, content: Buffer.from(record) }]);
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { file: `${PACKAGE}-${version}-py3-none-any.whl`, bytes, digest };
}

/** What pip reads: a page of links. */
export function pythonIndexPage({ file, digest }: Wheel): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="pypi:repository-version" content="1.0">
<title>The Python SDK of MPCSFaaS</title>
<a href="/sdk/python/${file}#sha256=${digest}" data-requires-python="&gt;=3.9">${file}</a>
</html>
`;
}

function metadata(project: string, readme: string): string {
  const fields: [string, string][] = [
    ['Metadata-Version', '2.1'],
    ['Name', wordOf(project, 'name')],
    ['Version', wordOf(project, 'version')],
    ['Summary', wordOf(project, 'description')],
    ['License', /^license = \{ text = "([^"]+)" \}$/m.exec(project)![1]!],
    ...wordsOf(project, 'classifiers').map((one): [string, string] => ['Classifier', one]),
    ['Requires-Python', wordOf(project, 'requires-python')],
    ['Description-Content-Type', 'text/markdown'],
    ['License-File', 'LICENSE'],
    ...wordsOf(project, 'dependencies').map((one): [string, string] => ['Requires-Dist', one]),
  ];
  return `${fields.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${readme}`;
}

/** `name = "value"` of our own pyproject.toml. */
function wordOf(project: string, name: string): string {
  return new RegExp(`^${name} = "([^"]+)"$`, 'm').exec(project)![1]!;
}

/** `name = ["one", "two"]`, on one line or several. */
function wordsOf(project: string, name: string): string[] {
  const list = new RegExp(`^${name} = \\[([^\\]]*)\\]`, 'm').exec(project)![1]!;
  return [...list.matchAll(/"([^"]+)"/g)].map(([, word]) => word!);
}

function recordLine({ name, content }: ZipEntry): string {
  return `${name},sha256=${createHash('sha256').update(content).digest('base64url')},${content.length}`;
}
