// Users' texts for people's eyes: what would steer a terminal is written so that it is seen.

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Control characters, and those that turn the direction of what follows, as `\x1b` and `\u202e`; `kept` stay as they are. */
export function visible(text: string, kept = ''): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (one) => {
    if (kept.includes(one)) return one;
    const code = one.charCodeAt(0);
    return SHORT[one] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/** JSON of the same value: its own escapes stand for the control characters that it would let stand. */
export function visibleJson(json: string): string {
  return json.replaceAll(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (one) => `\\u${hex(one.charCodeAt(0), 4)}`);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
