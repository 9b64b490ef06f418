"""Executor: a `concurrent.futures.Executor` whose calls run on a service.

Two threads, both started with the first call: one submits (submits.py), one brings results (results.py).
"""
import atexit
import concurrent.futures
import itertools
import logging
import math
import os
import sys
import threading
import time
import uuid
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from . import chunks, errors, progress, shipment
from .futures import TaskFuture
from .logs import Shown
from .options import check, check_of_calls, on_the_wire
from .pickling import Arguments, options_of, unwrapped
from .registry import Registry
from .results import Results
from .submits import Submits, Wish, entry
from .transport import PATIENCE, Transport

T = TypeVar("T")
_log = logging.getLogger("mpcsfaas")

# How long the end of the program waits for tasks that have not left yet, seconds.
_LAST_WORDS = 5.0
# Ids in one request to cancel.
_PORTION = 10_000
_numbers = itertools.count(1)


class Executor(concurrent.futures.Executor):
    """Runs calls on a service; its futures work with `wait`, `as_completed` and `asyncio.wrap_future`.

    url, api_key: MPCSFAAS_URL and MPCSFAAS_API_KEY where not given, then http://127.0.0.1:8000 without a key.
    group: under which its tasks are found again (`reattach`); a new one where not given.
    stream_logs: shows here what the calls print.
    nested: allows it inside a remote function, where waiting holds a slot that others may need.
    patience: how long a service that is away or full is tried again, seconds.
    max_workers: of the standard executors; here the service's workers decide. It is checked and not used.
    options: of every task (see mpcsfaas.options): priority=5, timeout=60.0, max_attempts=3 …
    """

    def __init__(
        self,
        url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        group: Optional[str] = None,
        stream_logs: bool = False,
        nested: bool = False,
        patience: float = PATIENCE,
        max_workers: Optional[int] = None,
        **options: Any,
    ) -> None:
        """Connects to nobody yet. Raises ValueError for what is no URL, TypeError for what is no option."""
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        check(options)
        number = next(_numbers)
        self.group = "py-" + uuid.uuid4().hex if group is None else group
        self._options = options
        self._nested = nested
        self._pid = os.getpid()
        self._transport = Transport(url, api_key, patience)
        self._registry = Registry(self._transport)
        self._arguments = Arguments()
        self._entries: Dict[str, Tuple[str, str, str]] = {}
        self._results = Results(self._transport, self.group, "mpcsfaas-%d-results" % number, patience)
        self._submits = Submits(self._transport, self, "mpcsfaas-%d-submits" % number, patience)
        self._shown = Shown(self._transport, "mpcsfaas-%d" % number) if stream_logs else None
        self._state = threading.Lock()
        self._shut = False
        _alive.add(self)

    # The interface of the standard library.

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "TaskFuture[T]":
        """One call. Raises SerializationError, VersionMismatch or ServiceError where it cannot be, RuntimeError after
        `shutdown`, NotHere after a fork or inside a remote function."""
        return self._submit(fn, args, kwargs, {})

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> Iterator[T]:
        """The values in the order of the arguments, each as soon as it is there.

        timeout: for all of them from now, seconds; TimeoutError then. chunksize: calls in one task. buffersize: at most so
        many tasks ahead of what was taken; the arguments are read as they are needed. progress: shows a bar on a terminal.
        Where the queue is full it waits for room. What a call raises ends the iteration; so do Ctrl-C and `close`. The calls that have not ended are then canceled.
        """
        return self._map(fn, iterables, timeout, chunksize, buffersize, progress, {})

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more calls. cancel_futures: cancels what has not begun. wait: until all have ended and the threads are gone,
        but in a callback of one of its futures. Idempotent."""
        self._end(wait, cancel_futures, False)

    def _end(self, wait: bool, cancel: bool, running_too: bool) -> None:
        with self._state:
            self._shut = True
        if self._pid != os.getpid():
            return  # the threads are those of the parent
        if cancel:
            self._abandon(None, running_too)
        self._submits.close()
        # A callback that waited would hold the thread that it waits for.
        if wait and not self._submits.is_current() and not self._results.is_current():
            self._submits.join()
            self._results.drain()
            self._results.close()
            self._results.join()
            if self._shown is not None:
                self._shown.join()
            self._transport.close()
            _alive.discard(self)
        else:
            self._results.close()

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        # Whoever presses Ctrl-C does not want to wait.
        self._end(True, kind is not None and issubclass(kind, KeyboardInterrupt), True)

    # What a service can do beyond it.

    def options(self, **options: Any) -> "Bound":
        """The same executor with more options for the calls made through it: ex.options(priority=5).submit(f, x). Raises
        TypeError for what is none, and for `group`."""
        check_of_calls(options)
        return Bound(self, options)

    def reattach(self) -> "List[TaskFuture[Any]]":
        """The futures of all tasks of this group that the service keeps, whoever submitted them; oldest first, those of one
        millisecond in any order."""
        self._check_here()
        found: List[Dict[str, Any]] = []
        cursor: Optional[str] = None
        while cursor != "":
            query = {"group": self.group, "limit": 1000, "cursor": cursor}
            page = self._transport.call("GET", "/v1/tasks", query=query)
            found.extend(page["items"])
            cursor = page["next_cursor"]
        known = {future.task_id: future for future in self._results.outstanding()}
        futures: List[TaskFuture[Any]] = []
        fresh: List[TaskFuture[Any]] = []
        for item in reversed(found):
            future = known.get(item["task_id"])
            if future is None:
                future = TaskFuture(self, item["task_id"], item["function"]["name"])
                fresh.append(future)
            futures.append(future)
        self._results.add(fresh)
        return futures

    def __reduce__(self) -> Any:
        raise errors.SerializationError(
            "an Executor cannot go along to where a function runs: it holds this process's connections; submit from here, "
            "or make one there with Executor(nested=True)"
        )

    # Of futures (see futures.Owner).

    def cancel_task(self, future: "TaskFuture[Any]") -> bool:
        """See TaskFuture.cancel. Raises FaasError where the service cannot be asked."""
        if self._submits.withdraw(future):
            return future._settle_canceled()
        if not future.task_id:
            # Its request is under way: `accepted` tells the service.
            return future._settle_canceled()
        try:
            self._transport.call("POST", "/v1/tasks/%s/cancel" % future.task_id, {})
        except errors.ConflictError as error:
            if error.problem.get("task_status") != "CANCELED":
                return future.cancelled()
        except (errors.NotFoundError, errors.ExpiredError):
            return future.cancelled()
        self._results.forget(future)
        return future._settle_canceled()

    def task_call(self, method: str, path: str, body: Any = None) -> Any:
        """A request about one of its tasks."""
        return self._transport.call(method, path, body)

    def is_bringing(self) -> bool:
        """See futures.Owner."""
        return self._results.is_current() or self._submits.is_current()

    # Of the thread that submits (see submits.Desk).

    def opened(self) -> int:
        """The stream is there before the tasks are."""
        return self._results.opened()

    def opened_now(self) -> Optional[int]:
        """See Results.opened_now."""
        return self._results.opened_now()

    def accepted(self, futures: Sequence["TaskFuture[Any]"], ids: Sequence[str], epoch: int) -> None:
        """The tasks are there. Those whose futures were canceled meanwhile are canceled there too."""
        self._results.accepted(futures, ids, epoch)
        late = [future for future in futures if future.cancelled()]
        if late:
            self._cancel_many([future.task_id for future in late], False)
            for future in late:
                self._results.forget(future)
        if self._shown is not None:
            self._shown.add(list(ids))

    def sent(self) -> None:
        """The tasks were refused."""
        self._results.sent()

    def renewed(self, function_id: str) -> Optional[str]:
        """A function that somebody has deleted goes again."""
        return self._registry.renewed(function_id)

    # Our own.

    def _submit(self, fn: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], options: Dict[str, Any]) -> "TaskFuture[Any]":
        self._check_here()
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return self._add(fn, self._entry(fn, options), args, kwargs)

    def _add(
        self,
        fn: Any,
        entry_: Tuple[str, str, str],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        until: Optional[float] = None,
    ) -> "TaskFuture[Any]":
        head, tail, function_id = entry_
        future: TaskFuture[Any] = TaskFuture(self)
        self._submits.add(Wish(future, head, self._arguments.dumps(fn, args, kwargs), tail, function_id, until=until))
        return future

    def _entry(self, fn: Any, options: Dict[str, Any]) -> Tuple[str, str, str]:
        function_id = self._registry.id_of(shipment.shipment_of(fn))
        asked = {**self._options, **options_of(fn), **options}
        if asked:
            return (*entry(function_id, on_the_wire({**asked, "group": self.group})), function_id)
        known = self._entries.get(function_id)
        if known is None:
            known = self._entries[function_id] = (*entry(function_id, {"group": self.group}), function_id)
        return known

    def _map(
        self,
        fn: Any,
        iterables: Tuple[Iterable[Any], ...],
        timeout: Optional[float],
        chunksize: int,
        buffersize: Optional[int],
        bar: bool,
        options: Dict[str, Any],
    ) -> Iterator[Any]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be >= 1.")
        self._check_here()
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        until = None if timeout is None else time.monotonic() + timeout
        counter = chunks.Counted(zip(*iterables))
        calls: Iterable[Tuple[Any, ...]] = counter
        name = shipment.label(unwrapped(fn))
        if chunksize > 1:
            own = options_of(fn)
            fn, options = chunks.chunked(unwrapped(fn)), {**own, **options}
            calls = ((piece,) for piece in chunks.pieces(calls, chunksize))
        entry_ = self._entry(fn, options)
        # They wait for room as long as somebody waits for them: its own time limit ends the map, and cancels them.
        ahead = (self._add(fn, entry_, args, {}, math.inf) for args in calls)
        # The first are sent now, as the standard executors do.
        waiting: List[TaskFuture[Any]] = []
        try:
            waiting.extend(ahead if buffersize is None else itertools.islice(ahead, buffersize))
        except BaseException:
            # Nobody will ever hold their futures: Ctrl-C, or the arguments themselves have failed.
            self._abandon(waiting, True)
            raise
        values = self._values(waiting, ahead, until)
        if chunksize > 1:
            values = itertools.chain.from_iterable(values)
        if not bar:
            return values
        return progress.shown(values, counter.count if buffersize is None else None, name)

    def _values(
        self, waiting: "List[TaskFuture[Any]]", ahead: "Iterator[TaskFuture[Any]]", until: Optional[float]
    ) -> Iterator[Any]:
        waiting.reverse()
        try:
            while waiting:
                waiting[:0] = itertools.islice(ahead, 1)
                # Nobody but the caller holds a value that was yielded, nor its future.
                yield _popped_result(waiting, until)
        finally:
            if waiting:
                self._abandon(waiting, True)

    def _abandon(self, futures: "Optional[List[TaskFuture[Any]]]", running_too: bool) -> None:
        """Cancels those of the futures (None: all) that have not ended; without `running_too` lets be what may have begun."""
        # What is under way has an id when that is over, or waits again.
        for wait in (self._submits.wait_for_answer, None):
            unsent = self._submits.withdraw_all() if futures is None else self._submits.withdraw_some(futures)
            for future in unsent:
                future._settle_canceled()
            if wait is not None:
                wait()
        open_ = [future for future in (self._results.outstanding() if futures is None else futures) if not future.done()]
        by_id = {future.task_id: future for future in open_ if future.task_id}
        canceled, running = self._cancel_many(list(by_id), not running_too)
        if running:
            # Workers take short calls ahead: of those that are RUNNING only the oldest can have begun, one a slot. Twice as
            # many are let be, for workers begin in no strict order.
            slots = int(self._transport.call("GET", "/v1/stats")["slots"])
            canceled += self._cancel_many(running[2 * slots :], False)[0]
        for task_id in canceled:
            by_id[task_id]._settle_canceled()
            self._results.forget(by_id[task_id])

    def _cancel_many(self, ids: Sequence[str], only_waiting: bool) -> Tuple[List[str], List[str]]:
        """(canceled, let be because they run), in the order asked."""
        canceled: List[str] = []
        running: List[str] = []
        for at in range(0, len(ids), _PORTION):
            body = {"task_ids": list(ids[at : at + _PORTION]), "only_waiting": only_waiting}
            answer = self._transport.call("POST", "/v1/tasks/cancel", body)
            canceled += answer["canceled"]
            running += answer["running"]
        return canceled, running

    def _check_here(self) -> None:
        if self._pid != os.getpid():
            raise errors.NotHere(
                "This Executor was made by process %d and is used in %d, a fork of it, where its threads do not run: make a "
                "new Executor there." % (self._pid, os.getpid())
            )
        if not self._nested and "_mpcsfaas.runner" in sys.modules:
            raise errors.NotHere(
                "An Executor is used inside a remote function, where waiting for other tasks holds a slot that they may "
                "need: submit from the caller, or say Executor(nested=True) where there are slots enough."
            )


class Bound:
    """An executor with options: `submit` and `map` as there."""

    def __init__(self, executor: Executor, options: Dict[str, Any]) -> None:
        self._executor = executor
        self._options = options

    def options(self, **options: Any) -> "Bound":
        """With more of them."""
        check_of_calls(options)
        return Bound(self._executor, {**self._options, **options})

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "TaskFuture[T]":
        """See Executor.submit."""
        return self._executor._submit(fn, args, kwargs, self._options)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> Iterator[T]:
        """See Executor.map."""
        return self._executor._map(fn, iterables, timeout, chunksize, buffersize, progress, self._options)


def _popped_result(waiting: "List[TaskFuture[Any]]", until: Optional[float]) -> Any:
    future = waiting.pop()
    try:
        return future.result(None if until is None else until - time.monotonic())
    except BaseException:
        waiting.append(future)  # it may have to be canceled
        raise
    finally:
        del future


_alive: "weakref.WeakSet[Executor]" = weakref.WeakSet()


@atexit.register
def _last_words() -> None:
    """What was submitted and has not left goes out before the program ends: its tasks are wanted."""
    for executor in list(_alive):
        if executor._pid == os.getpid() and not executor._submits.flush(_LAST_WORDS):
            _log.warning(
                "The program ends with %d calls that the service at %s has not taken: they are lost. Wait for their "
                "futures, or leave the Executor by `with` or shutdown().",
                executor._submits.unsent(),
                executor._transport.address.url,
            )
