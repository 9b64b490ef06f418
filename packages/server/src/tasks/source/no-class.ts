// A class as the function of a source: it loads, and no call of it can succeed.
import { Refusal } from '../refusal.ts';
import { MAX_CHARS, bareText, moduleOf } from './parsed.ts';

/** Refuses with `not_callable`. `entry`: '' = the default export. Where only running can tell, it is let pass. */
export function demandNoClass(source: string, entry: string): void {
  if (source.length > MAX_CHARS || !/\bclass\b/.test(source) || !['', 'default'].includes(entry)) return;
  const { body = [] } = moduleOf(`export default ${bareText(source)}`) ?? moduleOf(source) ?? {};
  for (const one of body) {
    if (one.type !== 'ExportDefaultDeclaration') continue;
    const what = one.declaration;
    if (what.type !== 'ClassDeclaration' && what.type !== 'ClassExpression') continue;
    throw new Refusal(
      'not_callable',
      `${what.id?.name ?? 'This'} is a class. Register a function that makes one, with the class inside.`,
    );
  }
}
