"""Waits for the ends of tasks, by long requests: a thread, a stream or a group is needed for none of them."""
import time
from typing import Any, Dict, Iterable, Iterator, Optional, Sequence

from . import errors, given, outcome
from .asking import ask, ask_all
from .futures import Owner, TaskFuture
from .transport import Transport, quoted

Json = Dict[str, Any]
# One wait of the API, seconds.
_WAIT = 30.0
# What a wait answers where nothing has come.
NOTHING = object()


class Waits:
    """Of one client. Thread-safe."""

    def __init__(self, transport: Transport, owner: Owner) -> None:
        """owner: of the futures that it makes."""
        self._transport = transport
        self._owner = owner

    def value(self, task_id: str, timeout: Optional[float] = None) -> Any:
        """See Client.wait."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._transport.is_closed:
                raise errors.ClientClosed.of(task_id)
            left = _WAIT if until is None else max(0.0, min(_WAIT, until - time.monotonic()))
            value = self.value_within(task_id, left, timeout, until)
            if value is not NOTHING:
                return value
            if until is not None and time.monotonic() >= until:
                raise late(task_id, timeout)

    def value_within(self, task_id: str, wait: float, timeout: Optional[float], until: Optional[float]) -> Any:
        """Of a task that ends within `wait` seconds, else NOTHING. Raises as `value`."""
        try:
            header, parts = ask(self._transport, [task_id], wait, until=until)
            if header["unknown"]:
                self._refuse(task_id, until)
        except errors.AWAY as error:
            if self._transport.is_closed:
                raise errors.ClientClosed.of(task_id) from None
            if until is None or time.monotonic() < until:
                raise
            raise late(task_id, timeout) from error
        for result in header["results"]:
            frame = result.get("pickle")
            return outcome.value_of(result, None if frame is None else parts[frame["frame"]])
        return NOTHING

    def ended(self, task_ids: Iterable[str], timeout: Optional[float] = None) -> "Iterator[TaskFuture[Any]]":
        """See Client.results."""
        until = None if timeout is None else time.monotonic() + timeout
        # In small letters, as the service tells them.
        waiting = list(dict.fromkeys([task_id.lower() for task_id in given.checked_ids(task_ids)]))
        while waiting:
            if self._transport.is_closed:
                raise closed(len(waiting))
            left = _WAIT if until is None else max(0.0, min(_WAIT, until - time.monotonic()))
            ended = set()
            try:
                for header, parts in ask_all(self._transport, waiting, left, until):
                    for future in self._futures(header, parts):
                        ended.add(future.task_id)
                        yield future
            except errors.AWAY as error:
                if self._transport.is_closed:
                    raise closed(len(waiting) - len(ended)) from None
                if until is None or time.monotonic() < until:
                    raise
                raise late_many(len(waiting) - len(ended), timeout) from error
            waiting = [task_id for task_id in waiting if task_id not in ended]
            if waiting and until is not None and time.monotonic() >= until:
                raise late_many(len(waiting), timeout)

    def _futures(self, header: Json, parts: Sequence[memoryview]) -> "Iterator[TaskFuture[Any]]":
        """Futures that have ended as an answer tells."""
        for result in header["results"]:
            frame = result.get("pickle")
            future: TaskFuture[Any] = TaskFuture(self._owner, result["task_id"])
            future._settle(result, None if frame is None else parts[frame["frame"]])
            yield future
        for task_id in header["unknown"]:
            try:
                self._refuse(task_id)
            except (errors.NotFoundError, errors.ExpiredError) as error:
                missing: TaskFuture[Any] = TaskFuture(self._owner, task_id)
                missing._fail(error)
                yield missing

    def _refuse(self, task_id: str, until: Optional[float] = None) -> None:
        """Of one that the service does not have: raises the reason."""
        self._transport.call("GET", "/v1/tasks/" + quoted(task_id), until=until)


def closed(count: int) -> errors.ClientClosed:
    """What whoever waits for so many is told when their client was closed."""
    return errors.ClientClosed("The client was closed before the ends of %d tasks were known; the tasks go on." % count)


def late_many(count: int, timeout: Optional[float]) -> TimeoutError:
    """See `late`."""
    return TimeoutError("%d of the tasks have not ended within %s s; they go on" % (count, timeout))


def late(task_id: str, timeout: Optional[float]) -> TimeoutError:
    """What whoever waits is told when that is over."""
    return TimeoutError("task %s has not ended within %s s; it goes on" % (task_id, timeout))
