// Which methods a path has: asked only when no route took a request.
import { ROUTES } from '@mpcsfaas/contract';

const PATHS = Map.groupBy(Object.values(ROUTES), ({ path }) => path);

const PATTERNS = [...PATHS].map(([path, routes]) => ({
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
  methods: [...new Set(routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))],
}));

/** Empty where there is no such path. */
export function allowedMethods(url: string): readonly string[] {
  const path = url.split('?', 1)[0]!;
  return PATTERNS.find(({ pattern }) => pattern.test(path))?.methods ?? [];
}
