"""Where there is no event stream: what is outstanding is asked for, over and over (R2 of results.py)."""
import time
from typing import Callable, Optional, Sequence, Set

from . import errors
from .monitor import Monitor
from .outstanding import Outstanding

# How long an answer waits for a first end, seconds: longer as long as nothing ends and nothing is added.
_FIRST = 0.1
LONGEST = 1.0
# For the answer itself, seconds.
_TIMEOUT = 10.0


class Looks:
    """Belongs to the thread that brings results."""

    def __init__(
        self, lock: Monitor, outstanding: Outstanding, read: Callable[[Sequence[str], float, Optional[float]], None]
    ) -> None:
        """read: given ids, how long to wait for a first end, and until when to try, settles what has ended. Raises FaasError."""
        self._lock = lock
        self._outstanding = outstanding
        self._read = read
        self._wait = _FIRST
        self._asked: Set[str] = set()

    def look(self, until: float) -> bool:
        """Asks, and waits for a first end, until then, of time.monotonic(), at most. False where that is not answered."""
        with self._lock:
            ids = list(self._outstanding)
        self._wait = _FIRST if self._has_more() else min(2 * self._wait, LONGEST)
        self._asked = set(ids)
        began = time.monotonic()
        wait = max(0.0, min(self._wait, until - began))
        try:
            self._read(ids, wait, began + wait + _TIMEOUT)
        except errors.FaasError:
            return False  # the stream's own fault is told
        if any([task_id not in self._outstanding for task_id in ids]):
            self._wait = _FIRST
        else:
            # For whoever on the way answers at once.
            self._lock.wait_for(self._has_more, began + wait - time.monotonic())
        return True

    def look_on(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """For so long, or until it `is_over`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not is_over():
            if self._outstanding and not self.look(until):
                # Nobody is there.
                self._lock.wait_for(is_over, until - time.monotonic())
                return
            self._lock.wait_for(lambda: bool(self._outstanding) or is_over(), until - time.monotonic())

    def _has_more(self) -> bool:
        with self._lock:
            return not self._asked.issuperset(self._outstanding)
