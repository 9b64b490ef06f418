"""A lock of a module that outlives a fork."""
import os
import threading


class ForkLock:
    """A new one in each child: another thread of the parent may have held it at the fork, and nobody lets go of it here. For
    module level, for it is never forgotten."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
