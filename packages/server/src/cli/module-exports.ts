// Which exports of a JavaScript module are functions, told from its text alone, and what is wrong with them by the rules of
// the runner. What only running can tell is let pass.
import { parse } from 'acorn';
import type { AnyNode, Node, Program } from 'acorn';

/** `perhaps`: made by a call, imported, assigned anew, …: only running can tell. */
type Kind = 'function' | 'no_function' | 'perhaps';

const COMMON_JS = 'is CommonJS, and an ES module is wanted: write "export default" in place of "module.exports"';

/** '' or what is wrong: reads after the file's name. `exports`: the names that the module has when it is linked. */
export function exportFault(text: string, exports: readonly string[], entry: string): string {
  const asksForIt = /\bmodule\.exports\b|\bexports\.\w+\s*=|\brequire\s*\(/.test(text);
  if ((exports.length === 0 && asksForIt) || assignsExports(text)) return COMMON_JS;
  const kinds = kindsIn(text);
  const kindOf = (name: string): Kind => kinds.get(name) ?? 'perhaps';
  const callable = exports.filter((name) => kindOf(name) !== 'no_function');
  if (entry !== '') {
    if (callable.includes(entry)) return '';
    const what = exports.includes(entry) ? `as '${entry}' what is no function` : `no function '${entry}'`;
    return `exports ${what}; it exports ${callable.join(', ') || 'none'}`;
  }
  if (callable.includes('default') || callable.length === 1) return '';
  const sure = callable.filter((name) => kindOf(name) === 'function');
  if (sure.length > 1) return `exports several functions (${sure.join(', ')}): say which one, as FILE:NAME`;
  if (callable.length > 0) return '';
  return exports.includes('default')
    ? 'exports as its default what is no function: write "export default" before the function'
    : 'exports no function: write "export default" before it';
}

/** What is wrong with a text that is neither JavaScript nor, its types gone, has become so. */
export function unreadableFault(text: string): string {
  const line = lineOf(text);
  return `${line === undefined ? '' : `line ${line} `}cannot be read once its types are gone: decorators and JSX, say, are taken in compiled form only`;
}

function lineOf(text: string): number | undefined {
  try {
    parseModule(text);
    return undefined;
  } catch (error) {
    return (error as { loc?: { line: number } }).loc?.line;
  }
}

function parseModule(text: string): Program {
  return parse(text, { ecmaVersion: 'latest', sourceType: 'module' });
}

/** A bare expression, `module.exports = …`. */
function assignsExports(text: string): boolean {
  return /^export default \((\s|\/\/[^\n]*\n|\/\*[^]*?\*\/)*(module\.)?exports\b/.test(text);
}

/** Of each export that stands in the text by name. Empty where the text cannot be read here. */
function kindsIn(text: string): Map<string, Kind> {
  let program: Program;
  try {
    program = parseModule(text);
  } catch {
    return new Map();
  }
  const kinds = new Map<string, Kind>();
  const own = new Map<string, Kind>();
  const assigned = assignedIn(program);
  const kindOf = (name: string): Kind => (assigned.has(name) ? 'perhaps' : (own.get(name) ?? 'perhaps'));
  const declare = (node: Node): string[] => {
    const names = declaredBy(node as AnyNode);
    // Declared twice (`var`): either of them may hold.
    for (const [name, kind] of names) own.set(name, own.has(name) ? 'perhaps' : kind);
    return names.map(([name]) => name);
  };
  const later: (() => void)[] = [];
  for (const node of program.body) {
    if (node.type === 'ExportNamedDeclaration') {
      for (const name of node.declaration == null ? [] : declare(node.declaration)) {
        later.push(() => kinds.set(name, kindOf(name)));
      }
      for (const { local, exported } of node.source == null ? node.specifiers : []) {
        if (local.type !== 'Identifier') continue;
        const name = exported.type === 'Identifier' ? exported.name : String(exported.value);
        later.push(() => kinds.set(name, kindOf(local.name)));
      }
    } else if (node.type === 'ExportDefaultDeclaration') {
      const { declaration } = node;
      if (declaration.type === 'Identifier') later.push(() => kinds.set('default', kindOf(declaration.name)));
      else kinds.set('default', kindOfValue(declaration));
      declare(declaration);
    } else declare(node);
  }
  for (const settle of later) settle();
  return kinds;
}

function declaredBy(node: AnyNode): (readonly [string, Kind])[] {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return node.id === null ? [] : [[node.id.name, 'function']];
    case 'VariableDeclaration':
      return node.declarations.flatMap(({ id, init }) =>
        id.type === 'Identifier' ? [[id.name, init == null ? 'no_function' : kindOfValue(init)] as const] : [],
      );
    default:
      return [];
  }
}

function kindOfValue({ type }: Node): Kind {
  switch (type as AnyNode['type']) {
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
    case 'ClassExpression':
      return 'function';
    case 'Literal':
    case 'TemplateLiteral':
    case 'ObjectExpression':
    case 'ArrayExpression':
      return 'no_function';
    default:
      return 'perhaps';
  }
}

/** Names that anything is assigned to after their declaration, in any scope. */
function assignedIn(program: Program): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (node: unknown, isTarget: boolean): void => {
    if (Array.isArray(node)) return node.forEach((one) => walk(one, isTarget));
    if (typeof node !== 'object' || node === null) return;
    const { type, name } = node as { type?: string; name?: string };
    if (isTarget && type === 'Identifier' && name !== undefined) names.add(name);
    for (const [field, part] of Object.entries(node)) {
      const isLeft = field === 'left' && (type === 'AssignmentExpression' || type?.startsWith('For') === true);
      walk(part, isTarget || isLeft || type === 'UpdateExpression');
    }
  };
  walk(program.body, false);
  return names;
}
