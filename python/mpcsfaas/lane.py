"""What waits to be sent, in its order, and when it may be: calls by themselves have one lane, those of maps another."""
import collections
import time
from typing import Any, Callable, Deque, List, Optional, Set, Tuple

from . import backoff, errors
from .futures import TaskFuture
from .wishes import SHARED_FROM, NoRoom, Sending, Wish

_MOST = 1000
# Of a request's arguments, bytes: as they go, and as the service keeps them.
_BYTES = 4 * 1024 * 1024
_KEPT_BYTES = 64 * 1024 * 1024


class Lane:
    """Not thread-safe: for whoever holds the lock of the submits (see submits.py, also for S1 to S8)."""

    def __init__(self) -> None:
        self._waiting: Deque[Wish] = collections.deque()
        # Tasks in the next request: fewer where the queue had no room for as many (S5).
        self._most = _MOST
        # It goes before what waits (S7).
        self._held: Optional[Sending] = None
        # Refusals in a row, and when the next try is due.
        self._refusals = 0
        self._due = 0.0

    @property
    def waiting(self) -> int:
        """How many are in no request."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Is there nothing at all to send?"""
        return not self._waiting and self._held is None

    @property
    def held(self) -> List[Wish]:
        """Those of the request that is held."""
        return [] if self._held is None else self._held.wishes

    def due(self, never: float) -> float:
        """When something of it is to be sent, of time.monotonic; `never` where there is nothing."""
        return never if self.is_empty else self._due

    def add(self, wish: Wish) -> None:
        """At its end."""
        self._waiting.append(wish)

    def next(self) -> Tuple[List[Wish], Optional[Sending]]:
        """What goes next, and its request where that is fixed."""
        held, self._held = self._held, None
        return (self._take(), None) if held is None else (held.wishes, held)

    def _take(self) -> List[Wish]:
        """S1, S4, S5."""
        wishes: List[Wish] = []
        shared: Set[bytes] = set()
        size = kept = 0
        while self._waiting and len(wishes) < self._most:
            args = self._waiting[0].args
            goes = 0 if len(args) >= SHARED_FROM and args in shared else len(args)
            if wishes and (goes > 0 and size + goes > _BYTES or kept + len(args) > _KEPT_BYTES):
                break
            if len(args) >= SHARED_FROM:
                shared.add(args)
            size += goes
            kept += len(args)
            wishes.append(self._waiting.popleft())
        return wishes

    def withdraw(self, is_meant: Callable[[Wish], bool]) -> List[TaskFuture[Any]]:
        """Takes out what is meant of what waits."""
        found = [wish.future for wish in self._waiting if is_meant(wish)]
        if found:
            self._waiting = collections.deque(wish for wish in self._waiting if not is_meant(wish))
        return found

    def went_well(self) -> None:
        """Something of it was taken: there is room."""
        self._refusals, self._due = 0, 0.0
        self._most = min(2 * self._most, _MOST)

    def put_back(self, refused: NoRoom, patience: float) -> List[Wish]:
        """S5, S7. Answers those that have waited long enough: they are to fail. patience: of one by itself, seconds."""
        now = time.monotonic()
        # How fast a caller may be is not about how much it sends at once.
        if len(refused.wishes) > 1 and isinstance(refused.error, errors.QueueFull):
            # There may be room for fewer: that is asked at once.
            self._most, pause = len(refused.wishes) // 2, 0.0
        else:
            self._refusals += 1
            pause = backoff.pause(self._refusals, refused.error.retry_after)
        self._due = now + pause
        fresh = [wish.limited(now + patience) for wish in refused.wishes]
        held = refused.held
        if held is not None:
            held.wishes = [wish.limited(now + patience) for wish in held.wishes]

        def is_late(wish: Wish) -> bool:
            return wish.until is not None and now + pause > wish.until

        def is_waited_for(wish: Wish) -> bool:
            return not is_late(wish) and not wish.future.done()

        self._waiting.extendleft(reversed([wish for wish in fresh if is_waited_for(wish)]))
        # All of it goes again as long as one of them is waited for.
        if held is not None and any([is_waited_for(wish) for wish in held.wishes]):
            self._held = held
        return [wish for wish in (fresh if held is None else [*fresh, *held.wishes]) if is_late(wish)]
