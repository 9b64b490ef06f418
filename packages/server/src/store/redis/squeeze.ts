// Ids and digests at half their size, anything else as it is; a first byte of 1 or 2 tells which.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export function squeeze(text: string): Buffer {
  if (UUID.test(text)) return Buffer.from(`01${text.replaceAll('-', '')}`, 'hex');
  if (SHA256.test(text)) return Buffer.from(`02${text}`, 'hex');
  return Buffer.from(text);
}

export function expand(bytes: Buffer): string {
  if (bytes[0] === 2) return bytes.toString('hex', 1);
  if (bytes[0] !== 1) return bytes.toString();
  return dashed(bytes.toString('hex', 1));
}

/** The 32 hex digits of a UUID as its text. */
export function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
