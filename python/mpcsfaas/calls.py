"""Calls that an event loop awaits, each in a thread of ours.

The pool of asyncio itself is waited for when its loop ends: a call that hangs, and that nobody awaits any more, would hold up
the end of the program for as long as a service that is away is tried.
"""
import asyncio
import collections
import contextvars
import functools
import os
import threading
from typing import Any, Callable, Deque, Optional, TypeVar

from .awaited import holdable
from .monitor import Monitor

T = TypeVar("T")
# Threads at a time; further calls wait for one.
_MOST = 32
# A thread that has nothing to do ends after so many seconds.
_IDLE = 10.0


class Calls:
    """Used from any number of loops."""

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._changed = Monitor()
        self._waiting: Deque[Callable[[], None]] = collections.deque()
        self._threads = 0
        self._busy = 0
        self._closed = False

    def _look_for_fork(self) -> None:
        if self._pid != os.getpid():
            # The threads of the parent do not run here, and nobody lets go of its locks.
            self._begin_anew()

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the function answers or raises. Where whoever awaits it is canceled, that is over at once: a call that has not
        begun never does, and of one that has nobody hears."""
        return await self.begin(functools.partial(function, *args, **kwargs))

    def begin(self, function: Callable[[], T], unwanted: Optional[Callable[[T], None]] = None) -> "asyncio.Future[T]":
        """A future of what it answers; from within a loop. unwanted: given the answer where the future was canceled."""
        loop = asyncio.get_running_loop()
        told: "asyncio.Future[T]" = loop.create_future()
        context = contextvars.copy_context()

        def work() -> None:
            if told.cancelled():
                return
            end: Callable[[], None]
            try:
                end = functools.partial(answered, context.run(function))
            except BaseException as error:  # noqa: B902 - it is the caller's
                end = functools.partial(failed, error)
            try:
                loop.call_soon_threadsafe(end)
            except RuntimeError:
                # The loop is closed: nobody awaits anything there.
                told_late(end)

        def answered(value: T) -> None:
            if not told.cancelled():
                told.set_result(value)
            elif unwanted is not None:
                unwanted(value)

        def failed(error: BaseException) -> None:
            if not told.cancelled():
                told.set_exception(holdable(error))

        def told_late(end: "functools.partial[None]") -> None:
            if end.func is answered and unwanted is not None:
                unwanted(*end.args)

        self._add(work)
        return told

    def close(self) -> None:
        """The threads end as soon as they have nothing to do. Idempotent."""
        self._look_for_fork()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, work: Callable[[], None]) -> None:
        self._look_for_fork()
        with self._changed:
            self._waiting.append(work)
            if self._threads < _MOST and len(self._waiting) > self._threads - self._busy:
                threading.Thread(target=self._run, name="mpcsfaas-calls", daemon=True).start()
                self._threads += 1
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            self._changed.wait_for(lambda: bool(self._waiting) or self._closed, _IDLE)
            with self._changed:
                if not self._waiting:
                    self._threads -= 1
                    return
                work = self._waiting.popleft()
                self._busy += 1
            try:
                work()
            finally:
                del work
                with self._changed:
                    self._busy -= 1
