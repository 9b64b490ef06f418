// CURVE keys from one shared worker key, so that operators copy one secret and no key files.
// Both key pairs (server's and clients') are derived with HKDF-SHA-256; who does not know the worker key knows
// neither the server's public key, without which no handshake begins, nor a client key that the server accepts.
import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';

export interface CurveKeys {
  server: { publicKey: string; secretKey: string };
  client: { publicKey: string; secretKey: string };
  /** The client's public key as raw bytes: what the authenticator compares. */
  clientPublicRaw: Buffer;
}

/** DER prefix of a PKCS#8 X25519 private key (RFC 8410, section 7); the 32 key bytes follow. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Key pairs for a worker key (any text of 16 or more characters). */
export function curveKeys(workerKey: string): CurveKeys {
  const server = derive(workerKey, 'mpcsfaas worker link server');
  const client = derive(workerKey, 'mpcsfaas worker link client');
  return { server: armour(server), client: armour(client), clientPublicRaw: client.publicKey };
}

function derive(workerKey: string, info: string): { publicKey: Buffer; secretKey: Buffer } {
  const secretKey = Buffer.from(hkdfSync('sha256', workerKey, 'mpcsfaas', info, 32));
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_X25519, secretKey]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { secretKey, publicKey: spki.subarray(spki.length - 32) };
}

function armour(pair: { publicKey: Buffer; secretKey: Buffer }): { publicKey: string; secretKey: string } {
  return { publicKey: z85(pair.publicKey), secretKey: z85(pair.secretKey) };
}

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** ZeroMQ's base 85 (RFC 32/Z85); `bytes` a multiple of four long. */
function z85(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    let value = bytes.readUInt32BE(at);
    let group = '';
    for (let digit = 0; digit < 5; digit += 1) {
      group = Z85[value % 85]! + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}
