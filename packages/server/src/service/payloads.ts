// Payloads of a request: base64 in JSON, or a raw frame.
import type { Frame } from '@mpcsfaas/contract';
import { decodeBase64 } from '../tasks/base64.ts';
import { Refusal } from '../tasks/refusal.ts';
import { frameOf } from './frames.ts';

/** The bytes; refuses with the pointer of what is neither. */
export function payloadBytes(given: string | Frame, frames: readonly Buffer[], pointer: string): Buffer {
  if (typeof given !== 'string') return frameOf(frames, given, pointer);
  const bytes = decodeBase64(given);
  if (bytes !== undefined) return bytes;
  throw new Refusal('invalid_base64', `${pointer} is not base64: padding or characters are missing.`, {
    errors: [{ pointer, message: 'is not base64' }],
  });
}
