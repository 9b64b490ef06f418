"""What several threads want at the same time, done by one of them for all; different things are done side by side."""
import copy
import time
from typing import Any, Callable, Dict, Generic, Hashable, Optional, TypeVar

from .errors import FaasError
from .monitor import Monitor

K = TypeVar("K", bound=Hashable)


class _Turn:
    """One that does it."""

    __slots__ = ("until", "error", "is_over")

    def __init__(self, until: Optional[float]) -> None:
        self.until = until
        self.error: Optional[FaasError] = None
        self.is_over = False


class Turns(Generic[K]):
    """Nobody holds a lock while something is done: Ctrl-C wherever it strikes leaves nobody waiting."""

    def __init__(self) -> None:
        self._changed = Monitor()
        self._turns: Dict[K, _Turn] = {}

    def done(self, key: K, is_done: Callable[[], bool], do: Callable[[], Any], until: Optional[float] = None) -> None:
        """Returns when it `is_done`: by `do`, here or in another thread. Raises what `do` raises, also that of another thread,
        but where that had less time; TimeoutError where another is not through at `until`, of time.monotonic()."""
        while not is_done():
            turn = _Turn(until)
            try:
                with self._changed:
                    known = self._turns.get(key)
                    first = self._turns[key] = turn if known is None or known.is_over else known
                if first is turn:
                    # The one before may have done it meanwhile.
                    if not is_done():
                        do()
                    return
            except FaasError as error:
                turn.error = error
                raise
            finally:
                turn.is_over = True
                if self._turns.get(key) is turn:
                    with self._changed:
                        del self._turns[key]
                        self._changed.notify_all()
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._changed.wait_for(lambda: first.is_over, left):
                raise TimeoutError("another thread is at it")
            if first.error is not None and first.until is None:
                raise copy.copy(first.error) from first.error
