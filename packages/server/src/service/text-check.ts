// Texts that no encoding can keep: half of a surrogate pair would be stored as another character.
import type { TSchema } from 'typebox';

/** What of a schema says where its texts are. */
interface Shape {
  type?: unknown;
  properties?: Record<string, TSchema>;
  items?: TSchema;
}

/**
 * The pointer of the first such text among those that the schema declares, undefined where there is none. `value` fits the
 * schema. What a schema leaves open is not looked at: arguments are the caller's own, fields of nobody are ignored.
 */
export function brokenText(schema: TSchema, value: unknown, pointer = ''): string | undefined {
  if (value === undefined) return undefined;
  const { type, properties, items } = schema as Shape;
  if (type === 'string') return (value as string).isWellFormed() ? undefined : pointer;
  if (type === 'array' && items !== undefined) {
    return first(value as unknown[], (item, i) => brokenText(items, item, `${pointer}/${i}`));
  }
  if (type === 'object' && properties !== undefined) {
    const fields = value as Record<string, unknown>;
    return first(Object.entries(properties), ([name, field]) => brokenText(field, fields[name], `${pointer}/${name}`));
  }
  return undefined;
}

function first<Item>(items: readonly Item[], look: (item: Item, i: number) => string | undefined): string | undefined {
  for (const [i, item] of items.entries()) {
    const found = look(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}
