// A JavaScript or TypeScript file that imports more than Node's own, made one text with all that it imports.
import { isBuiltin } from 'node:module';
import { basename, dirname } from 'node:path';
import { BUNDLE_BANNER } from '../tasks/source/banner.ts';
import { UserError } from './user-error.ts';

const IMPORTED = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(["'])([^"'\n]+)\1/g;

/** What a program can import where it runs without its files: Node's own, and addresses. */
function isAtHand(specifier: string): boolean {
  return isBuiltin(specifier) || /^(data|https?):/.test(specifier);
}

/** Does it import files or packages? Said too often it only bundles what needs none of it. */
export function importsMore(source: string): boolean {
  return [...source.matchAll(IMPORTED)].some(([, , specifier = '']) => !isAtHand(specifier));
}

/** The same text for the same files, wherever the command is typed. `file` is absolute. @throws UserError */
export async function bundled(file: string, shown: string): Promise<string> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [file],
      absWorkingDir: dirname(file),
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node24', charset: 'utf8', legalComments: 'none' },
      ...{ write: false, logLevel: 'silent' },
      // CommonJS inside asks for Node's own by it. The import has a name that no module of the bundle takes.
      banner: { js: BUNDLE_BANNER },
    });
    return outputFiles[0]!.text;
  } catch (error) {
    throw new UserError(sentence(error, file, shown));
  }
}

interface Fault {
  text: string;
  location: { file: string; line: number } | null;
}

function sentence(error: unknown, file: string, shown: string): string {
  const [fault] = (error as { errors?: Fault[] }).errors ?? [];
  if (fault === undefined)
    return `${shown} cannot be bundled: ${error instanceof Error ? error.message : String(error)}`;
  const { text, location } = fault;
  const at =
    location === null ? shown : `${location.file === basename(file) ? shown : location.file} line ${location.line}`;
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  if (missing === undefined) return `${at} cannot be bundled: ${text}.`;
  const advice = /^[./]/.test(missing) ? 'there is no such file' : `install it there (npm install ${missing})`;
  return `${at} imports ${JSON.stringify(missing)}, which is not to be found: ${advice}.`;
}
