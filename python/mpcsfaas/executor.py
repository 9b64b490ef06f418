"""Executor: a `concurrent.futures.Executor` whose calls run on a service.

Two threads, both started with the first call: one submits (submits.py), one brings results (results.py).
"""
import atexit
import concurrent.futures
import functools
import itertools
import logging
import os
import sys
import uuid
import weakref
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from . import chunks, errors, given, later, leaving, progress as bar, shipment
from .bound import Bound
from .callables import options_of, unwrapped
from .calling import Calling
from .futures import TaskFuture
from .later import Later
from .leaving import Cancels
from .maps import Limit, Values, flat, one_by_one
from .options import check, check_group, check_of_calls, on_the_wire
from .pickling import Arguments
from .registry import Registry
from .results import Results
from .shown import Shown
from .submits import Submits
from .transport import PATIENCE, Transport
from .wishes import Entry, Wish, head_of, tail_of

_log = logging.getLogger("mpcsfaas")

# How long the end of the program waits for tasks that have not left yet, seconds.
_LAST_WORDS = 5.0
_ENDED = ("COMPLETED", "FAILED", "CANCELED")
_numbers = itertools.count(1)


class Executor(Calling, concurrent.futures.Executor):
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
        """Connects to nobody yet. Raises ValueError for what is no URL, TypeError for what is no text or no option."""
        if isinstance(url, int):
            raise TypeError(
                "Executor(%r): the workers of the service decide how many calls run at once, so no number of them is named here; "
                "the first argument is the URL" % url
            )
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        check(options)
        if group is not None:
            check_group(group)
        number = next(_numbers)
        self.group = "py-" + uuid.uuid4().hex if group is None else group
        self._options = options
        self._nested = nested
        self._pid = os.getpid()
        self._transport = Transport(url, api_key, patience)
        self._registry = Registry(self._transport, looks_again=True)
        self._arguments = Arguments()
        self._plain_tail = tail_of({"group": self.group})
        self._results = Results(self._transport, self.group, "mpcsfaas-%d-results" % number, patience, self.ended)
        self._submits = Submits(self._transport, self, "mpcsfaas-%d-submits" % number, patience)
        self._cancels = Cancels(self._transport, self._submits, self._results)
        self._later = Later(self._cancels.by_ids, "mpcsfaas-%d-cancels" % number, self.ended)
        self._shown = Shown(self._transport, self.group, "mpcsfaas-%d" % number, self.ended) if stream_logs else None
        self._maps: "weakref.WeakSet[Values[Any]]" = weakref.WeakSet()
        self._shut = False
        _alive.add(self)

    # The interface of the standard library; `submit` and `map` are those of Calling.

    def _begin(self, fn: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> "TaskFuture[Any]":
        return self._submit(fn, args, kwargs, {})

    def _begin_map(self, fn: Any, iterables: Tuple[Iterable[Any], ...], **how: Any) -> "Values[Any]":
        return self._map(fn, iterables, {}, **how)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more calls. cancel_futures: cancels what has not begun. wait: until all have ended and the threads are gone,
        but in a callback of one of its futures. Idempotent."""
        self._end(wait, self._cancels.unbegun if cancel_futures else None)

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        # Whoever presses Ctrl-C does not want to wait. Nobody has pressed it where a function raised the same, far away.
        is_pressed = isinstance(value, KeyboardInterrupt) and not isinstance(value.__cause__, errors.RemoteTraceback)
        self._end(True, self._cancels.abandon if is_pressed else None)

    def _end(self, wait: bool, cancel: Optional[Callable[[], None]]) -> None:
        if self._pid != os.getpid():
            return  # the threads are those of the parent
        self._shut = True
        is_over = False
        try:
            if cancel is not None:
                cancel()
            # A callback that waited would hold the thread that it waits for.
            if wait and not self.is_bringing():
                self._submits.finish()
                self._results.drain()
                is_over = True
        finally:
            # Without a wait, or where it was cut short: the threads end as soon as they can, and the last one closes the rest.
            self._submits.close()
            self._results.close()
            if self._shown is not None:
                self._shown.close()
            if is_over:
                self._close()
            else:
                self.ended()

    def _close(self) -> None:
        """Nothing is waited for any more."""
        # Their threads may hang in requests that nobody waits for.
        longest = leaving.SECONDS if self._cancels.has_given_up else None
        self._submits.join(longest)
        self._results.join(longest)
        self._later.join(leaving.SECONDS)
        if self._shown is not None:
            self._shown.join()
        self._transport.close()
        _alive.discard(self)

    def ended(self) -> None:
        """A thread has ended. After `shutdown` the last one closes the connections."""
        is_running = self._submits.is_running() or self._results.is_running() or self._later.is_running()
        if self._shut and not is_running and not (self._shown is not None and self._shown.is_running()):
            self._transport.close()
            _alive.discard(self)

    # What a service can do beyond it.

    def options(self, /, **options: Any) -> Bound:
        """The same executor with more options for the calls made through it: ex.options(priority=5).submit(f, x). Raises
        TypeError for what is none, and for `group`."""
        check_of_calls(options)
        return Bound(self, options)

    def reattach(self) -> "List[TaskFuture[Any]]":
        """The futures of all tasks of this group that the service keeps, whoever submitted them; oldest first, in the order in
        which they were submitted, those of different requests in one millisecond in any."""
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
        if self._shown is not None:
            ended = {item["task_id"] for item in found if item["status"] in _ENDED}
            self._shown.add([future for future in fresh if future.task_id not in ended])
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
        is_in_loop = later.is_in_loop()
        if is_in_loop or not future.task_id:
            # It waits here, or its request is under way: then `accepted` tells the service.
            if not future._settle_canceled():
                return False
            self._submits.withdraw(future)
            if not future.task_id:
                return True
            # That was said before this could be seen.
        if is_in_loop:
            self._results.forget(future)
            self._later.add(future.task_id)
            return True
        try:
            self._transport.call("POST", "/v1/tasks/%s/cancel" % future.task_id, {})
        except (errors.ConflictError, errors.NotFoundError, errors.ExpiredError):
            return future.cancelled()
        # In this order: where Ctrl-C strikes between the two, nobody waits for ever.
        is_canceled = future._settle_canceled()
        self._results.forget(future)
        return is_canceled

    def task_call(self, method: str, path: str) -> Any:
        """A request about one of its tasks."""
        return self._transport.call(method, path)

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
        """The tasks are there. Those whose futures were canceled meanwhile, or given up, are canceled there too."""
        given_up = {id(future) for future in futures if future.done()}
        self._results.accepted(futures, ids, epoch)
        late = [future for future in futures if future.cancelled() or id(future) in given_up]
        if late:
            self._cancels.late(late)
        if self._shown is not None:
            self._shown.add(futures)
        problem = self._registry.look_again()
        if problem is not None:
            self._cancels.misfits([future for future in futures if future._holds_code and not future.done()], problem)

    def sent(self) -> None:
        """The tasks were refused."""
        self._results.sent()

    def renewed(self, function_id: str, shipped: Optional[shipment.Shipment]) -> Optional[str]:
        """A function that somebody has deleted goes again."""
        return None if shipped is None else self._registry.renewed(function_id, shipped)

    # Our own.

    def _submit(self, fn: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], options: Dict[str, Any]) -> "TaskFuture[Any]":
        given.check_function(fn, "submit")
        self._check_open()
        return self._add(fn, self._entry(fn, options), args, kwargs)

    def _add(
        self, fn: Any, entry_: Entry, args: Tuple[Any, ...], kwargs: Dict[str, Any], of_map: Optional[Limit] = None
    ) -> "TaskFuture[Any]":
        # A map that is read on sends what follows.
        self._check_open()
        data = self._arguments.dumps(fn, args, kwargs)
        if of_map is None:
            holds_code = self._registry.check_arguments(fn, data)
        else:
            with of_map:
                holds_code = self._registry.check_arguments(fn, data, of_map.until)
        future: TaskFuture[Any] = TaskFuture(self)
        if holds_code or (entry_.shipment is not None and entry_.shipment.python):
            future._holds_code = True
        self._submits.add(Wish(future, entry_, data, of_map is not None))
        return future

    def _entry(self, fn: Any, options: Dict[str, Any], until: Optional[float] = None) -> Entry:
        shipped = shipment.shipment_of(fn)
        function_id = self._registry.id_of(shipped, until)
        asked = {**self._options, **options_of(fn), **options}
        tail = tail_of(on_the_wire({**asked, "group": self.group})) if asked else self._plain_tail
        return Entry(head_of(function_id), tail, function_id, shipped)

    def _map(
        self,
        fn: Any,
        iterables: Tuple[Iterable[Any], ...],
        options: Dict[str, Any],
        *,
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> "Values[Any]":
        given.check_function(fn, "map")
        given.check_count("chunksize", chunksize)
        if buffersize is not None:
            given.check_count("buffersize", buffersize)
        self._check_open()
        limit = Limit(timeout)
        counter = chunks.Counted(zip(*iterables))
        calls: Iterable[Tuple[Any, ...]] = counter
        name = shipment.label(unwrapped(fn))
        if chunksize > 1:
            own = options_of(fn)
            fn, options = chunks.chunked(unwrapped(fn)), {**own, **options}
            calls = ((piece,) for piece in chunks.pieces(calls, chunksize))
        with limit:
            entry_ = self._entry(fn, options, limit.until)
        # They wait for room as long as somebody waits for them: its own time limit ends the map, and cancels them.
        shown = bar.of_map(name, progress)
        ahead = shown.expecting((self._add(fn, entry_, args, {}, limit) for args in calls), counter)
        # The first are sent now, as the standard executors do.
        waiting: List[TaskFuture[Any]] = []
        try:
            waiting.extend(ahead if buffersize is None else itertools.islice(ahead, buffersize))
        except BaseException:
            # Nobody will ever hold their futures: Ctrl-C, or the arguments themselves have failed.
            self._leave(waiting)
            raise

        def leave(left: "List[TaskFuture[Any]]") -> None:
            shown.stop()
            self._leave(left)

        values = one_by_one(waiting, ahead, limit.until, leave, shown.look)
        if chunksize > 1:
            values = flat(values)
        values = shown.shown(values, counter.count if buffersize is None else None)
        answer = Values(values, functools.partial(self._leave, waiting), self._check_here)
        self._maps.add(answer)
        return answer

    def _leave(self, waiting: "List[TaskFuture[Any]]") -> None:
        """A map is not read any further."""
        if self._pid != os.getpid():
            return  # the calls are those of the parent, which may read on
        futures, waiting[:] = waiting[:], []
        if futures:
            self._cancels.abandon(futures)

    def _check_open(self) -> None:
        self._check_here()
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")

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


_alive: "weakref.WeakSet[Executor]" = weakref.WeakSet()


@atexit.register
def _last_words() -> None:
    """What was submitted and has not left goes out before the program ends: its tasks are wanted. A map that has been read in
    part is left, as where its iterator is let go of: later no thread runs any more."""
    for executor in list(_alive):
        if executor._pid != os.getpid():
            continue
        for values in list(executor._maps):
            values.close_half_read()
        if not executor._submits.flush(_LAST_WORDS):
            _log.warning(
                "The program ends with %d calls that the service at %s has not taken: they are lost. Wait for their "
                "futures, or leave the Executor by `with` or shutdown().",
                executor._submits.unsent(),
                executor._transport.address.url,
            )
        executor._later.join(_LAST_WORDS)
        unheard = sum(bool(future._done_callbacks) for future in executor._results.outstanding())
        if unheard:
            _log.warning(
                "The program ends before %d calls whose futures have callbacks: the tasks go on, and nobody is called back. Leave "
                "the Executor by `with` or shutdown(), which wait; Executor(group=%r).reattach() finds the tasks.",
                unheard,
                executor.group,
            )
