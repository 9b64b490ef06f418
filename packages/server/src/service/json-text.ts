// JSON as it arrives: UTF-8, strictly. Beside what was parsed go the arguments' own texts, where they say more.
import { isUtf8 } from 'node:buffer';
import { argumentTexts } from '../tasks/argument-texts.ts';
import type { ArgumentTexts } from '../tasks/argument-texts.ts';

export interface ParsedJson {
  value: unknown;
  texts: ArgumentTexts;
}

/** @throws SyntaxError whose message completes "The body is not JSON: …". */
export function parseJson(bytes: Buffer): ParsedJson {
  // A replacement character in the place of what was sent would be another text.
  if (!isUtf8(bytes)) throw new SyntaxError('it is not encoded in UTF-8');
  const text = bytes.toString('utf8');
  const value: unknown = JSON.parse(text);
  return { value, texts: argumentTexts(text, value) };
}
