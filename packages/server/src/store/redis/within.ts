// An answer that is waited for only so long.

/** What the client library says where a command is not answered. */
export const TIMED_OUT = 'Command timed out';

/** @throws Error as the client library's when a command has timed out */
export async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(TIMED_OUT)), ms);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
