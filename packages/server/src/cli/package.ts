// Where this package lies and which version it is. Never the working directory: that is the user's.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  return findRoot(dirname(from));
}

export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The Python SDK's sources: in the published package beside the programs, in a checkout where they are written. */
export const pythonSdk = [join(packageRoot, 'sdk/python'), join(packageRoot, '../../python')].find((folder) =>
  existsSync(join(folder, 'pyproject.toml')),
);

export const version = (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string })
  .version;
