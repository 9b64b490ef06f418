"""Futures of tasks: the standard library's own, which know their task and what it printed."""
import concurrent.futures
import functools
import logging
import os
import threading
from concurrent.futures import _base
from typing import Any, Callable, Dict, Generic, List, Optional, Protocol, Sequence, TypeVar

from . import errors, outcome
from .awaited import holdable
from .later import is_in_loop
from .monitor import Monitor
from .printed import mark

T = TypeVar("T")
_log = logging.getLogger("mpcsfaas")
_ENDED = (_base.CANCELLED, _base.CANCELLED_AND_NOTIFIED, _base.FINISHED)


class Logs(str):
    """What a call printed: the text of stdout, with `.stderr`. What was not kept of a stream, of which the first 64 KiB and the
    last ones are, is told in its text by a line of its own: `… 68935 bytes of stdout were not kept …`; `.dropped_bytes`: of both."""

    stderr: str
    dropped_bytes: int
    attempt: int

    @classmethod
    def of(cls, body: Dict[str, Any]) -> "Logs":
        """From the body of /v1/tasks/{id}/logs."""
        logs = cls(_whole("stdout", body["stdout"]))
        logs.stderr = _whole("stderr", body["stderr"])
        logs.dropped_bytes = body["stdout"]["dropped_bytes"] + body["stderr"]["dropped_bytes"]
        logs.attempt = body["attempt"]
        return logs


def _whole(stream: str, kept: Dict[str, Any]) -> str:
    """The text of a stream with a mark where something of it is missing, so that nobody takes what is left for all of it."""
    text: str = kept["text"]
    gap: Optional[int] = kept.get("gap_at")
    if gap is None:
        return text
    before = text[:gap]
    line_end = "" if not before or before.endswith("\n") else "\n"
    return "%s%s%s\n%s" % (before, line_end, mark(stream, kept["dropped_bytes"]), text[gap:])


class Owner(Protocol):
    """What a future needs of who made it."""

    def cancel_task(self, future: "TaskFuture[Any]") -> bool:
        """True where the service has canceled it, or it was never sent."""

    def task_call(self, method: str, path: str) -> Any:
        """A request about the task."""

    def is_bringing(self) -> bool:
        """Is it a thread that brings ends of futures that asks, as it does in their callbacks?"""


class TaskFuture(concurrent.futures.Future[T], Generic[T]):
    """A `concurrent.futures.Future` of a task. It stays PENDING until the task has ended, wherever it is."""

    # The standard library's own, of which its types say nothing. Its condition is a Monitor here, so that Ctrl-C harms nobody.
    _condition: Any
    _state: str
    _result: Any
    _exception: Optional[BaseException]
    _waiters: List[Any]
    _done_callbacks: List[Callable[[Any], Any]]
    # Others of the same task, which are told of its end as this one ends (R5).
    _others: "Optional[List[TaskFuture[Any]]]" = None
    # Byte code goes along, which only one minor version of Python runs.
    _holds_code = False
    # What the SDK itself does at its end. Not among the callbacks: at the end of a program nobody misses it.
    _acts: "Sequence[Callable[[TaskFuture[Any]], None]]" = ()

    def __init__(self, owner: Owner, task_id: str = "", function: str = "") -> None:
        # In place of the standard library's own, whose Condition takes longer than all of this (a test compares the two).
        self._condition = Monitor()
        self._state = _base.PENDING
        self._result = self._exception = None
        self._waiters = []
        self._done_callbacks = []
        self._owner = owner
        self._task_id = task_id
        self._function = function
        self._pid = os.getpid()

    @property
    def task_id(self) -> str:
        """The task's id; '' until the service has taken it."""
        return self._task_id

    # Without the lock, which in a fork somebody may hold who is not there.

    def done(self) -> bool:
        """Has it ended, or was it canceled?"""
        return self._state in _ENDED

    def cancelled(self) -> bool:
        """Was it canceled?"""
        return self._state in _ENDED[:2]

    def cancel(self) -> bool:
        """Cancels the task, also one that runs: its process is ended. False where it has ended before. A task that the service has
        is canceled there first: that waits for a service that is away as long as the executor or client is patient, and then raises
        ServiceUnreachable. In a thread that runs an event loop the future is canceled at once, and the task in the background (see
        later.py). Raises NotHere after a fork."""
        if self.done():
            return self.cancelled()
        self._check_process("canceled", "Client().cancel(future.task_id)")
        return self._owner.cancel_task(self)

    def result(self, timeout: Optional[float] = None) -> T:
        """The value. Raises what the function raised, with the worker's traceback as cause; TimeoutError after `timeout`
        seconds, which cancels nothing; TaskCanceled; what else ended the task (see mpcsfaas.errors); NotHere after a fork, and
        in a callback of another future where it has not ended."""
        self._check_here(timeout)
        try:
            self._wait(timeout)
            # It has ended: no wait of the standard library's own.
            return super().result(0)
        except errors.TaskCanceled:
            raise
        except concurrent.futures.CancelledError:
            if not self.cancelled():
                raise
            raise self._canceled() from None
        finally:
            # A traceback that holds us would hold the result as well.
            self = None  # type: ignore[assignment]

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """What `result` would raise, None where there is a value. Raises TimeoutError, TaskCanceled and NotHere itself. In a thread
        that runs an event loop, where asyncio.wrap_future asks, it is a RuntimeError instead of a StopIteration, its cause."""
        self._check_here(timeout)
        try:
            self._wait(timeout)
            error = super().exception(0)
            return holdable(error) if error is not None and is_in_loop() else error
        except errors.TaskCanceled:
            raise
        except concurrent.futures.CancelledError:
            raise self._canceled() from None
        finally:
            self = error = None  # type: ignore[assignment]

    def logs(self) -> Logs:
        """What the newest attempt printed, also while it runs. Raises FaasError, of which NotHere is one: see `result`."""
        return Logs.of(self._owner.task_call("GET", "/v1/tasks/%s/logs" % self._known_id()))

    def record(self) -> Dict[str, Any]:
        """The task as the API tells it: times, attempts, why it waits. Raises FaasError."""
        found: Dict[str, Any] = self._owner.task_call("GET", "/v1/tasks/%s" % self._known_id())
        return found

    def _wait(self, timeout: Optional[float]) -> None:
        """Until it has ended. Raises TimeoutError."""
        try:
            if not self.done() and not self._condition.wait_for(self.done, timeout):
                raise concurrent.futures.TimeoutError
        finally:
            self = None  # type: ignore[assignment]

    def _ends_within(self, seconds: float) -> bool:
        """Has it ended within so many? Raises NotHere as `result`."""
        self._check_here(seconds)
        return self.done() or self._condition.wait_for(self.done, seconds)

    def _at_end(self, act: "Callable[[TaskFuture[Any]], None]") -> None:
        """It is called before the callbacks, by whoever ends it; at once where it has ended."""
        with self._condition:
            if not self.done():
                self._acts = (*self._acts, act)
                return
        act(self)

    def _check_here(self, timeout: Optional[float]) -> None:
        if self.done():
            return
        self._check_process("waited for", "Client().wait(future.task_id)")
        if (timeout is None or timeout > 0) and self._owner.is_bringing():
            raise errors.NotHere(
                "This future is waited for in a callback of another, whose thread brings its end: that would never come. Give it a "
                "callback of its own, or wait in another thread."
            )

    def _check_process(self, what: str, instead: str) -> None:
        if self._pid != os.getpid():
            raise errors.NotHere(
                "This future was made by process %d and is %s in %d, a fork of it, where nobody hears of its end: ask there with "
                "%s." % (self._pid, what, os.getpid(), instead)
            )

    def _known_id(self) -> str:
        if not self.done():
            self._check_process("asked", "Client().task(future.task_id)")
        if not self._task_id:
            raise errors.FaasError("The task has not been sent yet: it has neither an id nor output.")
        return self._task_id

    def _canceled(self) -> errors.TaskCanceled:
        return errors.TaskCanceled("the task was canceled", self._task_id, "canceled")

    # Called by those who submit and by those who read results.

    def _accepted(self, task_id: str) -> None:
        self._task_id = task_id

    def _settle_canceled(self) -> bool:
        """False where it has ended otherwise. The one who waits and the one who hears of it may both come here. Raises what a
        callback raises that is no Exception, when all have been told."""
        try:
            return super().cancel()
        finally:
            with self._condition:
                if self._state == _base.CANCELLED:
                    self.set_running_or_notify_cancel()

    def _end_canceled(self) -> None:
        """As `_settle_canceled`, for whoever has others to tell."""
        self._end(self._settle_canceled)

    def _end(self, end: Callable[[], Any]) -> None:
        """Does nothing where it has ended before. A callback that exits, say, is logged: the ends of others are still to be told.
        Only Ctrl-C of the one who calls is raised."""
        try:
            end()
        except concurrent.futures.InvalidStateError:
            pass  # canceled meanwhile, say
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            _log.exception("a callback of task %s raised", self._task_id)

    def _invoke_callbacks(self) -> None:
        """The standard library's own, which would leave out all that come after one that exits."""
        exits: Optional[BaseException] = None
        try:
            for callback in (*self._acts, *self._done_callbacks):
                try:
                    callback(self)
                except Exception:
                    _base.LOGGER.exception("exception calling callback for %r", self)
                except BaseException as error:
                    exits = exits or error
            if exits is not None:
                raise exits
        finally:
            self = exits = None  # type: ignore[assignment]

    def _settle(self, result: Dict[str, Any], pickle: Any) -> None:
        """Ends with a TaskResult of the API; does nothing where it has ended before."""
        if result["status"] == "CANCELED":
            self._end_canceled()
            return
        try:
            value = outcome.value_of(result, pickle)
        except BaseException as error:
            # A traceback of our own frames says nothing to anybody, and would hold the thread that they belong to.
            self._fail(error.with_traceback(None))
            return
        self._end(functools.partial(self.set_result, value))

    def _tell(self, other: "TaskFuture[Any]") -> None:
        """From whoever holds the lock of the results; the end may come at any moment."""
        if self._others is None:
            self._others = [other]
            self.add_done_callback(TaskFuture._tell_others)  # type: ignore[arg-type]
            return
        self._others.append(other)
        if self.done():
            # Perhaps those who were told were gathered before.
            other._settle_as(self)

    def _tell_others(self) -> None:
        others, self._others = self._others, []
        for other in others or []:
            other._settle_as(self)

    def _settle_as(self, other: "TaskFuture[Any]") -> None:
        """Ends as another future of the same task has."""
        if other.cancelled():
            self._end_canceled()
            return
        # As it was settled: `exception` may tell another one.
        error = other._exception
        if error is not None:
            self._fail(error)
            return
        self._end(functools.partial(self.set_result, other.result()))

    def _fail(self, error: BaseException) -> None:
        try:
            self._end(functools.partial(self.set_exception, error))
        finally:
            self = error = None  # type: ignore[assignment]
