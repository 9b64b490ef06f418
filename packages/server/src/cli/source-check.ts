// Looks at a source before it is registered: parsed in a child and never run, so that a slip shows here and not in the
// first call. Where the child cannot be had, nothing is said: the call will tell.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { NOT_FROM_HERE } from '../python-question.ts';
import { environment } from './options.ts';
import { UserError } from './user-error.ts';

/**
 * Prints what is wrong, one sentence, by the rules of the runner: by its name anything that can be called is taken, a class
 * too; without one the only public function is. Names that only running can tell (a star import, globals(), a decorator's
 * work, what is assigned and no literal) are let pass.
 */
const PYTHON = String.raw`
${NOT_FROM_HERE}
import ast
entry = sys.argv[1]
try:
    tree = ast.parse(sys.stdin.buffer.read())
except (SyntaxError, ValueError) as error:
    line = getattr(error, 'lineno', None)
    print('%sis no Python %d.%d: %s' % ('line %d ' % line if line else '', *sys.version_info[:2], getattr(error, 'msg', error)))
    sys.exit()
LITERAL = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
functions, classes, imported, perhaps, unknown = {}, {}, set(), set(), False
def targets(node):
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []
def look(body):
    global unknown
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            (classes if isinstance(node, ast.ClassDef) else functions)[node.name] = node
            if node.decorator_list:
                perhaps.add(node.name)
            continue
        no_call = set(targets(node) if node.__class__ is ast.AnnAssign and not node.value or
                      isinstance(getattr(node, 'value', None), LITERAL) else [])
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                unknown = unknown or inner.id in ('globals', 'exec', 'vars', 'locals', 'setattr')
                if isinstance(inner.ctx, ast.Store) and inner not in no_call:
                    perhaps.add(inner.id)
            elif isinstance(inner, ast.alias):
                unknown = unknown or inner.name == '*'
                imported.add((inner.asname or inner.name).split('.')[0])
            elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                perhaps.add(inner.name)
look(tree.body)
for inner in ast.walk(tree):
    if isinstance(inner, ast.Global):
        perhaps.update(inner.names)
public = [name for name in functions if not name.startswith('_')]
others = [name for name in perhaps if not name.startswith('_')]
if unknown:
    pass
elif entry:
    if entry not in {*functions, *classes, *imported, *perhaps}:
        print("defines no function '%s'; it defines %s" % (entry, ', '.join([*public, *classes]) or 'none'))
elif others:
    pass
elif not public:
    print('defines no function whose name is public' + ('; a class is named, as FILE:NAME' if classes else ''))
elif len(public) > 1:
    print('defines several functions (%s): say which one, as FILE:NAME' % ', '.join(public))
`;

/**
 * As the runner reads it: a bare expression, else a module, else either of them when the types are gone. A module is linked
 * and not run: its exports are known then. One that imports more than Node's own is let pass. Prints one `Look` as JSON.
 */
const JAVASCRIPT = String.raw`
const { stripTypeScriptTypes } = require('node:module');
const { Script, SourceTextModule, SyntheticModule } = require('node:vm');
const source = require('node:fs').readFileSync(0, 'utf8');
const attempt = (act) => { try { return { made: act() }; } catch (error) { return { error }; } };
const bare = (text) => '(' + text.trimEnd().replace(/;+$/, '') + '\n)';
const strip = (text) => attempt(() => stripTypeScriptTypes(text));

async function look(text) {
  if (attempt(() => new Script(bare(text))).made) {
    return { is: 'module', text: 'export default ' + bare(text), exports: ['default'] };
  }
  const { made: module } = attempt(() => new SourceTextModule(text));
  if (module === undefined) return undefined;
  try {
    await module.link((specifier) => {
      const names = Object.keys(process.getBuiltinModule(specifier));
      return new SyntheticModule([...new Set(['default', ...names])], () => undefined);
    });
  } catch {
    return { is: 'let_pass' };
  }
  return { is: 'module', text, exports: Reflect.ownKeys(module.namespace).filter((name) => typeof name === 'string') };
}

(async () => {
  const { made: stripped = source, error: wrong } = strip(source);
  if (wrong && strip(bare(source)).error) {
    const line = /^[^\n]*:(\d+)\n/.exec(wrong.stack)?.[1];
    const kind = wrong.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ? 'uses what is not taken' : 'cannot be read';
    return { is: 'wrong', sentence: (line ? 'line ' + line + ' ' : '') + kind + ': ' + wrong.message };
  }
  return (await look(source)) ?? (await look(stripped)) ?? { is: 'unreadable', text: stripped };
})().then((look) => console.log(JSON.stringify(look)));
`;

/** What the child saw. `text`: JavaScript. */
type Look =
  | { is: 'let_pass' }
  | { is: 'wrong'; sentence: string }
  | { is: 'unreadable'; text: string }
  | { is: 'module'; text: string; exports: string[] };

async function faultSeen(printed: string, entry: string): Promise<string> {
  if (printed === '') return '';
  const { exportFault, unreadableFault } = await import('./module-exports.ts');
  const look = JSON.parse(printed) as Look;
  switch (look.is) {
    case 'let_pass':
      return '';
    case 'wrong':
      return look.sentence;
    case 'unreadable':
      return unreadableFault(look.text);
    case 'module':
      return exportFault(look.text, look.exports, entry);
  }
}

/**
 * '' or what is wrong with it: reads after the file's name. `python`: the user's, where one is named.
 * @throws UserError where that one is not there
 */
export async function sourceFault(
  runtime: 'python' | 'javascript',
  source: string,
  entry: string,
  python: string | undefined,
): Promise<string> {
  const [command, ...args] =
    runtime === 'python'
      ? [python ?? 'python3', '-c', PYTHON, entry]
      : [process.execPath, '--no-warnings', '--experimental-vm-modules', '-e', JAVASCRIPT];
  try {
    const child = spawn(command, args, { env: { ...environment }, stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
    child.stdin.on('error', () => undefined);
    child.stdin.end(source);
    const printed = (await Promise.race([failed, text(child.stdout)])).trim();
    return runtime === 'python' ? printed : await faultSeen(printed, entry);
  } catch (error) {
    if (runtime === 'python' && python !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new UserError(
        `There is no Python at ${python} to look at the source: correct --python, or say --no-check.`,
      );
    }
    return '';
  }
}
