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
export function brokenText(schema: TSchema, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const { type, properties, items } = schema as Shape;
  if (type === 'string') return (value as string).isWellFormed() ? undefined : '';
  if (type === 'array' && items !== undefined) {
    for (const [i, item] of (value as unknown[]).entries()) {
      const found = brokenText(items, item);
      if (found !== undefined) return `/${i}${found}`;
    }
  } else if (type === 'object' && properties !== undefined) {
    const fields = value as Record<string, unknown>;
    for (const name in properties) {
      const found = brokenText(properties[name]!, fields[name]);
      if (found !== undefined) return `/${name}${found}`;
    }
  }
  return undefined;
}
