// Which methods a path has: asked only when no route took a request.
import { ROUTES } from '@mpcsfaas/contract';

const PATHS = Map.groupBy(Object.values(ROUTES), ({ path }) => path);

const READ = ['GET', 'HEAD'];

/** What is served beside the contract's routes. */
const PAGES = [
  { pattern: /^\/docs(\/.*)?$/, methods: READ },
  { pattern: /^\/openapi\.json\/?$/, methods: READ },
];

const PATTERNS = [...PATHS].map(([path, routes]) => ({
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
  methods: [...new Set(routes.flatMap(({ method }) => (method === 'GET' ? READ : [method])))],
}));

/** Empty where there is no such path. */
export function allowedMethods(url: string): readonly string[] {
  const path = url.split('?', 1)[0]!;
  return [...PATTERNS, ...PAGES].find(({ pattern }) => pattern.test(path))?.methods ?? [];
}
