// libzmq gives up a connect or bind with EINTR where a signal comes in between, having done nothing. The end of a child is
// such a signal, and a worker's runners start and end all the time. (It repeats sends and receives by itself.)

/** Does it, again where a signal interrupted it. @throws what `act` throws otherwise */
export function uninterrupted<T>(act: () => T): T {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** As `uninterrupted`, of what takes its time. */
export async function uninterruptedly<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

function isInterrupted(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINTR';
}
