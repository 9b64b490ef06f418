// A certificate that nobody trusts, made anew each time: no key belongs into a repository.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** For `localhost`; its files are written into the folder. @throws Error where openssl is not there */
export function newCertificate(folder: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
  ]);
  if (made.status !== 0) throw new Error(`this test needs openssl: ${made.error?.message ?? made.stderr.toString()}`);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
