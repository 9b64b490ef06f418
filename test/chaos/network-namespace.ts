// A network of the run's own: the same command once more inside a new network namespace, where packets of its loopback
// can be delayed and lost (tc netem) and the link be taken down, without touching anybody else's.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Set in the namespace: '' = netem is there, else why it is not. */
const INSIDE = 'CHAOS_OWN_NETWORK';

const shell = (script: string): { status: number | null; stderr: string } =>
  spawnSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8' });

/** Why there is no network of our own; undefined = there is. */
export function noNetwork(): string | undefined {
  return process.env[INSIDE] === undefined
    ? 'no network namespace of its own: that takes root, unshare and ip'
    : undefined;
}

export function noNetem(): string | undefined {
  const reason = process.env[INSIDE];
  return reason === '' ? undefined : (reason ?? noNetwork());
}

/** Runs this very command inside a namespace and ends with its exit code; returns where that cannot be, or is done. */
export async function enterOwnNetwork(): Promise<void> {
  if (process.env[INSIDE] !== undefined || process.getuid?.() !== 0) return;
  if (shell('ip link set lo up').status !== 0) return;
  const { status, stderr } = shell('ip link set lo up && tc qdisc add dev lo root netem delay 1ms');
  const reason = status === 0 ? '' : `tc netem is not to be had: ${stderr.trim().split('\n').at(-1) ?? ''}`;
  const again = [
    '--net',
    'sh',
    '-c',
    'ip link set lo up && exec "$0" "$@"',
    process.execPath,
    ...process.argv.slice(1),
  ];
  const inside = spawn('unshare', again, { stdio: 'inherit', env: { ...process.env, [INSIDE]: reason } });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => inside.kill(signal));
  const [code] = (await once(inside, 'exit')) as [number | null];
  process.exit(code ?? 1);
}
