// Base64 as Python's binascii reads it and its codecs write it.

const PAD = 0x3d;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NO_DIGIT = 64;
const VALUE = new Uint8Array(256).fill(NO_DIGIT);
for (let i = 0; i < ALPHABET.length; i++) VALUE[ALPHABET.charCodeAt(i)] = i;

const CLEAN = /^[A-Za-z0-9+/\n]*={0,2}\n?$/;

/**
 * The bytes of a base64 text, exactly as `binascii.a2b_base64(text.encode())` decodes it: characters outside the
 * alphabet are skipped, padding is demanded, and what follows a complete padding is not read. Undefined where Python raises.
 */
export function decodeBase64(text: string): Buffer | undefined {
  // What encoders write: Node's own decoder agrees with Python on it, and is fast.
  if (CLEAN.test(text)) {
    let breaks = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) breaks++;
    if ((text.length - breaks) % 4 === 0 && !text.startsWith('=')) {
      const bytes = Buffer.from(text, 'base64');
      const pads = padsOf(text);
      if (bytes.length === ((text.length - breaks) / 4) * 3 - pads) return bytes;
    }
  }
  return decodeAsPython(text);
}

function padsOf(text: string): number {
  const first = text.indexOf('=', Math.max(0, text.length - 3));
  return first === -1 ? 0 : text[first + 1] === '=' ? 2 : 1;
}

function decodeAsPython(text: string): Buffer | undefined {
  const out = Buffer.allocUnsafe(Math.floor((text.length * 3) / 4) + 3);
  let length = 0;
  let digits = 0;
  let carry = 0;
  let pads = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === PAD) {
      if (digits >= 2 && digits + ++pads >= 4) return out.subarray(0, length);
      continue;
    }
    const digit = character < 256 ? VALUE[character]! : NO_DIGIT;
    if (digit === NO_DIGIT) continue;
    pads = 0;
    if (digits === 0) carry = digit;
    else {
      const kept = digits * 2;
      out[length++] = (carry << kept) | (digit >> (6 - kept));
      carry = digit & ((1 << (6 - kept)) - 1);
    }
    digits = (digits + 1) % 4;
  }
  return digits === 0 ? out.subarray(0, length) : undefined;
}

/** Bytes of one line of MIME base64. */
export const LINE_BYTES = 57;

/**
 * MIME base64 as `codecs.encode(bytes, 'base64')` writes it: a line break after every 76 characters and at the end.
 * `lineBreak` lets the text be written straight into a JSON string (`\\n`).
 */
export function encodeMime(bytes: Buffer, lineBreak: string): string {
  if (bytes.length <= LINE_BYTES) return bytes.length === 0 ? '' : bytes.toString('base64') + lineBreak;
  let text = '';
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    text += bytes.toString('base64', at, Math.min(at + LINE_BYTES, bytes.length)) + lineBreak;
  }
  return text;
}
