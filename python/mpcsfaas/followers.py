"""Futures of tasks that exist already, whoever submitted them: a thread that brings results for each of their groups."""
import os
import threading
from typing import Any, Dict, List

from .futures import TaskFuture
from .results import Results
from .transport import Transport

# Groups that nothing is waited for in, and whose streams are kept open for a while: whoever waits there again finds one. Of
# more than that those end whose last wait is longest ago.
_MOST_IDLE = 16


class Followers:
    """Thread-safe; may be used after a fork, where it begins anew."""

    def __init__(self, transport: Transport, patience: float) -> None:
        """patience: see Results, seconds."""
        self._transport = transport
        self._patience = patience
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        # The one that was used last is the last.
        self._of_groups: Dict[str, Results] = {}

    def _look_for_fork(self) -> None:
        if self._pid != os.getpid():
            # The threads of the parent do not run here, and nobody lets go of its locks.
            self._begin_anew()

    def add(self, group: str, future: "TaskFuture[Any]") -> None:
        """It is told of the end of its task, which is of this group."""
        self._look_for_fork()
        with self._lock:
            follower = self._of_groups.pop(group, None)
            if follower is None:
                follower = Results(self._transport, group, "mpcsfaas-results", self._patience)
            self._of_groups[group] = follower
            follower.add([future])
            if len(self._of_groups) > _MOST_IDLE:
                self._close_idle()

    def _close_idle(self) -> None:
        idle = [group for group, one in self._of_groups.items() if one.is_idle()]
        for group in idle[:-_MOST_IDLE]:
            self._of_groups.pop(group).close()

    def leave(self, future: "TaskFuture[Any]") -> None:
        """See Results.leave."""
        for follower in self._all():
            follower.leave(future)

    def is_bringing(self) -> bool:
        """See futures.Owner."""
        return any(follower.is_current() for follower in self._all())

    def close(self, timeout: float) -> None:
        """Nobody waits any more: ends the threads, each within so many seconds. Idempotent."""
        self._look_for_fork()
        with self._lock:
            followers = self._all()
            self._of_groups.clear()
        for follower in followers:
            follower.abandon(timeout)

    def _all(self) -> List[Results]:
        self._look_for_fork()
        return list(self._of_groups.values())
