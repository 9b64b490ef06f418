// Looks at a source before it is registered: parsed in a child and never run, so that a slip shows here and not in the
// first call. Where the child cannot be had, nothing is said: the call will tell.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { environment } from './options.ts';

/** Prints what is wrong, one sentence. Names that only running can tell (a star import, globals()) are let pass. */
const PYTHON = String.raw`
import ast, sys
entry = sys.argv[1]
try:
    tree = ast.parse(sys.stdin.buffer.read())
except (SyntaxError, ValueError) as error:
    line = getattr(error, 'lineno', None)
    print('%sis no Python %d.%d: %s' % ('line %d ' % line if line else '', *sys.version_info[:2], getattr(error, 'msg', error)))
    sys.exit()
functions, names, unknown = [], set(), False
def look(body):
    global unknown
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            if not isinstance(node, ast.ClassDef) and not node.name.startswith('_') and node.name not in functions:
                functions.append(node.name)
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                unknown = unknown or inner.id in ('globals', 'exec', 'vars', 'locals', 'setattr')
                if isinstance(inner.ctx, ast.Store):
                    names.add(inner.id)
            elif isinstance(inner, ast.alias):
                unknown = unknown or inner.name == '*'
                names.add((inner.asname or inner.name).split('.')[0])
            elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.add(inner.name)
look(tree.body)
has = ', '.join(functions) or 'none'
if unknown:
    pass
elif entry and entry not in names:
    print("defines no function '%s'; it defines %s" % (entry, has))
elif not entry and len(functions) > 1 and len(names) == len(functions):
    print('defines several functions (%s): say which one, as FILE:NAME' % has)
`;

/** TypeScript's parser reads JavaScript, too; what it cannot read may still be a bare function expression. */
const JAVASCRIPT = `
const { stripTypeScriptTypes } = require('node:module');
const source = require('node:fs').readFileSync(0, 'utf8');
const parse = (text) => { try { stripTypeScriptTypes(text); } catch (error) { return error; } };
const wrong = parse(source);
if (wrong && parse('(' + source.trimEnd().replace(/;+$/, '') + '\\n)')) {
  const line = /^[^\\n]*:(\\d+)\\n/.exec(wrong.stack)?.[1];
  const kind = wrong.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ? 'uses what is not taken' : 'cannot be read';
  console.log((line ? 'line ' + line + ' ' : '') + kind + ': ' + wrong.message);
}`;

/** '' or what is wrong with it: reads after the file's name. `python`: the user's, where one is named. */
export async function sourceFault(
  runtime: 'python' | 'javascript',
  source: string,
  entry: string,
  python: string | undefined,
): Promise<string> {
  const [command, ...args] =
    runtime === 'python'
      ? [python ?? 'python3', '-c', PYTHON, entry]
      : [process.execPath, '--no-warnings', '-e', JAVASCRIPT];
  try {
    const child = spawn(command, args, { env: { ...environment }, stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
    child.stdin.on('error', () => undefined);
    child.stdin.end(source);
    return (await Promise.race([failed, text(child.stdout)])).trim();
  } catch {
    return '';
  }
}
