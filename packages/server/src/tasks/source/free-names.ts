// The names that a piece of JavaScript uses and does not declare: scopes by the rules of strict code.
import { isBuiltin } from 'node:module';
import { parse } from 'acorn';
import type {
  AnyNode,
  CatchClause,
  Class,
  Function as AnyFunction,
  ModuleDeclaration,
  Node,
  Pattern,
  Program,
  Statement,
} from 'acorn';

/** Names that are in force somewhere, and where the search goes on. */
interface Scope {
  readonly names: Set<string>;
  readonly above: Scope | undefined;
  /** What fails in there is caught. */
  readonly isTried: boolean;
}

interface Use {
  readonly name: string;
  /** Where it stands in the text. */
  readonly at: number;
  readonly isTried: boolean;
}

/** What was found on the way through a program. */
interface Found {
  readonly used: Use[];
  /** Names that may be there all the same. */
  readonly perhaps: Set<string>;
  /** The global object goes somewhere as a whole, or code runs that is not in the text: who knows what that makes global. */
  isHandedOn: boolean;
}

const GLOBAL_OBJECTS = new Set(['globalThis', 'global', 'self', 'window']);
/** They run code that is a text. */
const EVALUATORS = new Set(['eval', 'Function']);

/**
 * In the order of their first use. Names that the code asks for with `typeof`, or as properties of the global object, may
 * be there: they are none. @throws SyntaxError
 */
export function freeNames(expression: string): string[] {
  const program = parse(expression, { ecmaVersion: 'latest', sourceType: 'script' });
  const { used, perhaps } = found(program);
  return [...new Set(used.map(({ name }) => name))].filter((name) => !perhaps.has(name));
}

/**
 * Of a module, as far as they are sure to be missing where they are asked for: not what stands in a `try`, and none where
 * somebody else may make globals, or where the module asks for what is `elsewhere`: it finds out where it runs. `counts`:
 * tells of a place in the text whether what stands there is looked at.
 */
export function freeNamesOfModule(
  program: Program,
  counts: (at: number) => boolean,
  elsewhere: (name: string) => boolean,
): string[] {
  const { used, perhaps, isHandedOn } = found(program);
  if (isHandedOn || [...perhaps].some(elsewhere) || used.some(({ name }) => elsewhere(name))) return [];
  const sure = used.filter(({ at, isTried }) => !isTried && counts(at));
  return [...new Set(sure.map(({ name }) => name))].filter((name) => !perhaps.has(name));
}

function found(program: Program): Found {
  const all: Found = { used: [], perhaps: new Set(), isHandedOn: false };
  visit(program, { names: new Set(), above: undefined, isTried: false }, all);
  return all;
}

function visit(given: Node, scope: Scope, all: Found): void {
  const node = given as AnyNode;
  const { used, perhaps } = all;
  const go = (next: Node | null | undefined, within = scope): void => {
    if (next != null) visit(next, within, all);
  };
  const goAll = (list: readonly (Node | null)[], within = scope): void => list.forEach((one) => go(one, within));
  switch (node.type) {
    case 'Identifier':
      if (declared(node.name, scope)) return;
      used.push({ name: node.name, at: node.start, isTried: scope.isTried });
      if (GLOBAL_OBJECTS.has(node.name) || EVALUATORS.has(node.name)) all.isHandedOn = true;
      return;
    case 'MemberExpression':
      if (node.computed) go(node.property);
      else if (node.object.type === 'Identifier' && GLOBAL_OBJECTS.has(node.object.name)) {
        const { name, start: at } = node.object;
        if (node.property.type === 'Identifier') {
          perhaps.add(node.property.name);
          if (EVALUATORS.has(node.property.name)) all.isHandedOn = true;
        }
        if (!declared(name, scope)) used.push({ name, at, isTried: scope.isTried });
        return;
      }
      return go(node.object);
    case 'Property':
    case 'PropertyDefinition':
    case 'MethodDefinition':
      if (node.computed) go(node.key);
      return go(node.value);
    case 'UnaryExpression':
      if (node.operator === 'typeof' && node.argument.type === 'Identifier') perhaps.add(node.argument.name);
      return go(node.argument);
    case 'TryStatement':
      go(node.block, node.handler ? below(scope, [], { isTried: true }) : scope);
      go(node.handler);
      return go(node.finalizer);
    case 'ImportExpression':
      if (node.source.type !== 'Literal' || !isBuiltin(String(node.source.value))) all.isHandedOn = true;
      return goAll(children(node));
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
      return;
    case 'ExportNamedDeclaration':
      if (node.source) return;
      go(node.declaration);
      return node.specifiers.forEach(({ local }) => go(local));
    case 'LabeledStatement':
      return go(node.body);
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'MetaProperty':
      return;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression': {
      const inside = below(scope, namesOfFunction(node));
      goAll(node.params, inside);
      return go(node.body, inside);
    }
    case 'ClassDeclaration':
    case 'ClassExpression': {
      const inside = below(scope, namesOfClass(node));
      go(node.superClass, inside);
      return go(node.body, inside);
    }
    case 'CatchClause': {
      const inside = below(scope, namesOfCatch(node));
      go(node.param, inside);
      return go(node.body, inside);
    }
    case 'Program': {
      const names = [...lexicalNames(node.body), ...varNames(node)];
      return goAll(node.body, below(scope, names));
    }
    case 'BlockStatement':
      return goAll(node.body, below(scope, lexicalNames(node.body)));
    case 'StaticBlock':
      return goAll(node.body, below(scope, [...lexicalNames(node.body), ...node.body.flatMap(varNames)]));
    case 'SwitchStatement': {
      go(node.discriminant);
      const inside = below(scope, lexicalNames(node.cases.flatMap(({ consequent }) => consequent)));
      return goAll(node.cases, inside);
    }
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement': {
      const head = node.type === 'ForStatement' ? node.init : node.left;
      const inside = below(scope, head?.type === 'VariableDeclaration' ? lexicalNames([head]) : []);
      return goAll(children(node), inside);
    }
    default:
      goAll(children(node));
  }
}

function declared(name: string, scope: Scope | undefined): boolean {
  return scope !== undefined && (scope.names.has(name) || declared(name, scope.above));
}

function below(above: Scope, names: Iterable<string>, { isTried }: Pick<Scope, 'isTried'> = above): Scope {
  return { names: new Set(names), above, isTried };
}

function namesOfFunction(fn: AnyFunction): string[] {
  const own = fn.type === 'ArrowFunctionExpression' ? [] : ['arguments', ...(fn.id ? [fn.id.name] : [])];
  return [...own, ...fn.params.flatMap(bound), ...varNames(fn.body)];
}

function namesOfClass({ id }: Pick<Class, 'id'>): string[] {
  return id ? [id.name] : [];
}

function namesOfCatch({ param }: CatchClause): string[] {
  return param == null ? [] : bound(param);
}

/** What `let`, `const`, `class`, `function`, `using` and `import` declare for the block that these statements make. */
function lexicalNames(statements: readonly (Statement | ModuleDeclaration)[]): string[] {
  return statements.flatMap((given): string[] => {
    if (given.type === 'ImportDeclaration') return given.specifiers.map(({ local }) => local.name);
    const one = given.type.startsWith('Export') ? (given as { declaration?: AnyNode | null }).declaration : given;
    if (one == null) return [];
    if (one.type === 'VariableDeclaration')
      return one.kind === 'var' ? [] : one.declarations.flatMap(({ id }) => bound(id));
    return one.type === 'FunctionDeclaration' || one.type === 'ClassDeclaration' ? namesOfClass(one) : [];
  });
}

/** What `var` declares for the whole function, wherever it stands in it. */
function varNames(given: Node): string[] {
  const node = given as AnyNode;
  if (/Function|^Class/.test(node.type)) return [];
  const own =
    node.type === 'VariableDeclaration' && node.kind === 'var' ? node.declarations.flatMap(({ id }) => bound(id)) : [];
  return [...own, ...children(node).flatMap(varNames)];
}

/** The names that a pattern binds. */
function bound(pattern: Pattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((one) => bound(one.type === 'RestElement' ? one.argument : one.value));
    case 'ArrayPattern':
      return pattern.elements.flatMap((one) => (one === null ? [] : bound(one)));
    case 'RestElement':
      return bound(pattern.argument);
    case 'AssignmentPattern':
      return bound(pattern.left);
    case 'MemberExpression':
      return [];
  }
}

function children(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}
