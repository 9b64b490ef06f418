// The names that a piece of JavaScript uses and does not declare: scopes by the rules of strict code.
import { parse } from 'acorn';
import type { AnyNode, CatchClause, Class, Function as AnyFunction, Node, Pattern, Statement } from 'acorn';

/** Names that are in force somewhere, and where the search goes on. */
interface Scope {
  readonly names: Set<string>;
  readonly above: Scope | undefined;
}

const GLOBAL_OBJECTS = new Set(['globalThis', 'global', 'self', 'window']);

/**
 * In the order of their first use. Names that the code asks for with `typeof`, or as properties of the global object, may
 * be there: they are none. @throws SyntaxError
 */
export function freeNames(expression: string): string[] {
  const used = new Set<string>();
  const perhaps = new Set<string>();
  const program = parse(expression, { ecmaVersion: 'latest', sourceType: 'script' });
  visit(program, { names: new Set(), above: undefined }, used, perhaps);
  return [...used].filter((name) => !perhaps.has(name));
}

function visit(given: Node, scope: Scope, used: Set<string>, perhaps: Set<string>): void {
  const node = given as AnyNode;
  const go = (next: Node | null | undefined, within = scope): void => {
    if (next != null) visit(next, within, used, perhaps);
  };
  const goAll = (list: readonly (Node | null)[], within = scope): void => list.forEach((one) => go(one, within));
  switch (node.type) {
    case 'Identifier':
      if (!declared(node.name, scope)) used.add(node.name);
      return;
    case 'MemberExpression':
      if (node.computed) go(node.property);
      else if (node.object.type === 'Identifier' && GLOBAL_OBJECTS.has(node.object.name)) {
        if (node.property.type === 'Identifier') perhaps.add(node.property.name);
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
    case 'Program':
    case 'BlockStatement':
    case 'StaticBlock':
      return goAll(node.body, below(scope, lexicalNames(node.body as Statement[])));
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

function below(above: Scope, names: Iterable<string>): Scope {
  return { names: new Set(names), above };
}

function namesOfFunction(fn: AnyFunction): string[] {
  const own = fn.type === 'ArrowFunctionExpression' ? [] : ['arguments', ...(fn.id ? [fn.id.name] : [])];
  return [...own, ...fn.params.flatMap(bound), ...varNames(fn.body)];
}

function namesOfClass({ id }: Class): string[] {
  return id ? [id.name] : [];
}

function namesOfCatch({ param }: CatchClause): string[] {
  return param == null ? [] : bound(param);
}

/** What `let`, `const`, `class`, `function` and `using` declare for the block that these statements make. */
function lexicalNames(statements: readonly Statement[]): string[] {
  return statements.flatMap((one) => {
    if (one.type === 'VariableDeclaration')
      return one.kind === 'var' ? [] : one.declarations.flatMap(({ id }) => bound(id));
    return one.type === 'FunctionDeclaration' || one.type === 'ClassDeclaration' ? [one.id.name] : [];
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
