"""Cancels in the background, for a thread that runs an event loop: asyncio cancels a future that it has wrapped in the loop's own
thread, and all of the loop would wait for the service.
"""
import asyncio
import logging
import os
from typing import Any, Callable, List

from .errors import FaasError
from .monitor import Monitor
from .on_demand import OnDemand

_log = logging.getLogger("mpcsfaas")
# Ids in one request.
_MOST = 10_000


def is_in_loop() -> bool:
    """Does the calling thread run an event loop of asyncio at the moment?"""
    return asyncio._get_running_loop() is not None


class Later:
    """Tasks whose futures are canceled here already. What comes while a request is under way goes in the next one."""

    def __init__(self, cancel: Callable[[List[str]], Any], name: str, ended: Callable[[], None] = lambda: None) -> None:
        """cancel: given ids, from a thread of this name; what it raises is logged. ended: called where that thread has nothing
        more to do."""
        self._cancel = cancel
        self._name = name
        self._ended = ended
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = Monitor()
        self._waiting: List[str] = []
        self._thread = OnDemand(self._lock, self._run, self._name)

    def add(self, task_id: str) -> None:
        """Never waits for the service."""
        if self._pid != os.getpid():
            # The thread of the parent does not run here, and nobody lets go of its lock.
            self._begin_anew()
        with self._lock:
            self._waiting.append(task_id)
            self._thread.start()

    def is_running(self) -> bool:
        """Is something left to do?"""
        return self._thread.is_running()

    def join(self, timeout: float) -> None:
        """Waits until nothing is left to do, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                if not some:
                    self._thread.end()
                    break
            try:
                self._cancel(some)
            except Exception as error:
                # Whatever it is: a thread that ended here would not say so, and no later cancel would be sent.
                trace = None if isinstance(error, FaasError) else error
                _log.warning("%d calls were given up and could not be canceled: %s", len(some), error, exc_info=trace)
        self._ended()
