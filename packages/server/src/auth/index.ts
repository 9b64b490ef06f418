// Who may call: keys (keys.ts), and the host and origin a call may come by (origin.ts).
export { ApiKeys } from './keys.ts';
export type { Caller, KeptKey, KeyShelf, Seeding } from './keys.ts';
export { isAllowedOrigin, isLoopback, judgeHost, withoutPort } from './origin.ts';
export type { HostVerdict } from './origin.ts';
