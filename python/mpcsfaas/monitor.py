"""A lock whose waits Ctrl-C cannot harm."""
import threading
import time
from _thread import RLock  # type: ignore[attr-defined]
from typing import Callable, List, Optional

# Ctrl-C may strike the one who notifies, in the middle of it: whoever waits looks for itself as often, seconds.
_LOOK = 1.0


class Monitor(RLock):  # type: ignore[misc]
    """What threading.Condition is, where callers wait whom Ctrl-C interrupts.

    A Condition enters and leaves its lock in Python code: a KeyboardInterrupt that is raised there leaves the lock held for
    ever, or has it released once more than it was acquired. Here `with` is C code, and a wait holds the lock in `with` alone.
    """

    # Made by the first who waits: most futures are never waited for.
    _bells: Optional[List[threading.Lock]] = None

    def notify_all(self) -> None:
        """Something has changed; from whoever holds the lock."""
        while self._bells:
            self._bells.pop().release()

    def wait_for(self, is_so: Callable[[], bool], timeout: Optional[float] = None) -> bool:
        """Waits until `is_so`, which is asked while the lock is held; False after `timeout` seconds. The caller does not hold the
        lock itself."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            bell = threading.Lock()
            bell.acquire()
            with self:
                if is_so():
                    return True
                left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
                if left <= 0:
                    return False
                if self._bells is None:
                    self._bells = []
                bells = self._bells
                bells.append(bell)
            if not bell.acquire(True, left):
                with self:
                    if bell in bells:
                        bells.remove(bell)
