// Is a process of this machine alive? Asked of the kernel, by signal 0.

/** True for a process of another user too. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
