// Which methods a path has: asked only when no route of its own took a request.
import { ROUTES } from '@mpcsfaas/contract';

const PATHS = Map.groupBy(Object.values(ROUTES), ({ path }) => path);

const READ = ['GET', 'HEAD'];

/** What is served beside the contract's routes. */
const PAGES = [
  { pattern: /^\/docs(\/.*)?$/, methods: READ },
  { pattern: /^\/openapi\.json\/?$/, methods: READ },
];

/** A path that is written out goes before one whose parameter it could be. */
const PATTERNS = [...PATHS]
  .map(([path, routes]) => ({
    path,
    parameters: path.split('{').length - 1,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
    methods: [...new Set(routes.flatMap(({ method }) => (method === 'GET' ? READ : [method])))],
  }))
  .sort((a, b) => a.parameters - b.parameters);

/** Paths that are written out, each with the methods that it lacks and a path has whose parameter it could be. */
export const SHADOWED = PATTERNS.filter(({ parameters }) => parameters === 0).flatMap(({ path, methods }) => {
  const others = PATTERNS.filter(({ pattern, parameters }) => parameters > 0 && pattern.test(path));
  const lacking = others.flatMap((other) => other.methods).filter((method) => !methods.includes(method));
  return lacking.length === 0 ? [] : [{ path, methods: [...new Set(lacking)] }];
});

/** Empty where there is no such path. */
export function allowedMethods(url: string): readonly string[] {
  const path = url.split('?', 1)[0]!;
  return [...PATTERNS, ...PAGES].find(({ pattern }) => pattern.test(path))?.methods ?? [];
}
