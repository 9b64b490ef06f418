// The small schemas that bodies are built from: ids, times, payloads.
import { Type } from './type.ts';
import type { TSchema } from 'typebox';
import { ID_PATTERN, NAME_PATTERN, REF_PATTERN } from './patterns.ts';

export const Id = Type.String({ pattern: ID_PATTERN, description: 'UUID' });

export const FunctionName = Type.String({ pattern: NAME_PATTERN, description: 'Letters, digits, `.`, `_`, `-`' });

export const FunctionRef = Type.String({
  minLength: 1,
  maxLength: 160,
  pattern: REF_PATTERN,
  description: 'A function: its id, its name (the newest version) or `name@3`',
});

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' });

/** Present in every answer, null until it has happened. */
export function Nullable<S extends TSchema>(schema: S, description: string) {
  return Type.Union([schema, Type.Null()], { description });
}

export const PAYLOAD_TITLE = 'Payload';

/** Bytes: base64 text in JSON; `{"frame": n}` in the frames format (see `framed`). */
export const Payload = Type.String({
  title: PAYLOAD_TITLE,
  description: 'Base64 (line breaks allowed) of a pickle',
});

/** Where a payload is found in the frames format: the n-th raw frame, counted from 0. */
export const Frame = Type.Object(
  { frame: Type.Integer({ minimum: 0, maximum: 100_000 }) },
  { title: 'Frame', additionalProperties: false, description: 'The n-th raw frame after the header, from 0' },
);
export interface Frame {
  frame: number;
}

/** The same schema for the frames format: every payload becomes a `Frame`. */
export function framed(schema: TSchema): TSchema {
  return swap(schema) as TSchema;
}

function swap(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(swap);
  if (typeof node !== 'object' || node === null) return node;
  if ((node as { title?: unknown }).title === PAYLOAD_TITLE) return Frame;
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node)) {
    // A named schema that holds payloads is another one in this format: it takes another name.
    out[name] = name === 'title' && typeof value === 'string' && holdsPayload(node) ? `${value}Framed` : swap(value);
  }
  return out;
}

function holdsPayload(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ((node as { title?: unknown }).title === PAYLOAD_TITLE) return true;
  return Object.values(node).some(holdsPayload);
}

export const FRAMES = 'application/vnd.mpcsfaas.v1+frames';
