"""One thread that brings results: they ride on one long connection, the event stream of a group.

R1  The stream's place is fixed before the first task is sent, and kept over reconnects (Last-Event-ID): nothing ends unseen.
R2  Nothing depends on that: all that is outstanding is read again on every reconnect, where the service says `reset`, and
    every ten seconds. Where no stream is to be had it is asked for over and over (see looks.py), and no task waits for one
    before it is sent.
R3  A task that was sent in one epoch and accepted in a later one is read at once: its end may lie in the gap between them.
R4  An end may come before the answer that names its task: it is kept while a request is under way.
R5  A task may have several futures here; the first is told of its end, and tells the others.
R6  Where nobody answers for as long as the transport is patient, neither by a stream nor when asked for results, the futures
    fail; their tasks are not touched.
"""
import binascii
import math
import time
import urllib.parse
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from . import backoff, errors, looks, refusals
from .asking import ask_all
from .connection import FAULTS
from .events import Event, EventStream
from .futures import TaskFuture
from .monitor import Monitor
from .on_demand import OnDemand
from .outstanding import Outstanding
from .transport import PATIENCE, Transport
from .unserved import Unserved

_REREAD = 10.0
# A stream without anything to wait for is given up after so many seconds.
_IDLE = 30.0
# A task is sent without a stream after so many seconds: long before the last words of a program that ends (see executor.py).
_OPEN_TIMEOUT = 1.0
# A stream says at once where it begins. One that has not after so many seconds is opened anew.
_PLACE_TIMEOUT = 40.0


class Results:
    """Futures by task id, settled as their tasks end."""

    def __init__(
        self,
        transport: Transport,
        group: str,
        name: str,
        patience: float = PATIENCE,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """ended: called where the thread has nothing more to do."""
        self._transport = transport
        self._path = "/v1/events?results=true&group=" + urllib.parse.quote(group, safe="")
        self._patience = patience
        self._ended = ended
        self._unserved = Unserved(transport, group)
        self._lock = Monitor()
        self._outstanding = Outstanding()
        self._looks = looks.Looks(self._lock, self._outstanding, self._read)
        self._early: Dict[str, Dict[str, Any]] = {}
        self._sending = 0
        self._again: List[str] = []
        self._thread = OnDemand(self._lock, self._run, name)
        self._stream: Optional[EventStream] = None
        self._is_open = False
        # One was waited for in vain, and none has opened since.
        self._is_missing = False
        self._closed = False
        self._wanted_at = 0.0
        # When something was heard last, and when all is read again.
        self._contact = 0.0
        self._reread_at = 0.0
        self.epoch = 0

    def opened(self) -> int:
        """Opens the stream where it is not, waits until its place is fixed (R1) where one may soon be, and answers the epoch."""
        with self._lock:
            # Counted when there is a thread: where none can be started, nobody says that the request is over.
            self._start()
            self._sending += 1
        self._lock.wait_for(lambda: self._is_open or self._is_missing or not self._thread.is_running(), _OPEN_TIMEOUT)
        with self._lock:
            self._is_missing = self._is_missing or not self._is_open
        return self.epoch

    def opened_now(self) -> Optional[int]:
        """As `opened` where the stream is open, else None."""
        is_counted = False
        try:
            with self._lock:
                if not self._is_open or self._stream is None:
                    return None
                self._sending, is_counted = self._sending + 1, True
                return self.epoch
        except BaseException:
            # Ctrl-C, in the caller's own thread.
            if is_counted:
                self.sent()
            raise

    def accepted(self, futures: Sequence[TaskFuture[Any]], ids: Sequence[str], epoch: int) -> None:
        """The service has taken these tasks."""
        ended = []
        with self._lock:
            self._unserved.begin(self._outstanding)
            for future, task_id in zip(futures, ids):
                future._accepted(task_id)
                early = self._early.pop(task_id, None)
                self._outstanding.expect(future)
                if early is not None:
                    ended.append((self._outstanding.pop(task_id), early))
            if epoch != self.epoch:
                self._again.extend(ids)
            self.sent(locked=True)
            self._start()
            if self._again or not self._is_open:
                self._wake()
        for future, end in ended:
            self._settle(future, end)

    def sent(self, locked: bool = False) -> None:
        """A request that began with `opened` is over."""
        if not locked:
            with self._lock:
                return self.sent(True)
        self._sending -= 1
        if self._sending == 0:
            self._early.clear()

    def add(self, futures: Iterable[TaskFuture[Any]]) -> None:
        """Futures of tasks that exist already: read at once, then waited for."""
        with self._lock:
            self._start()
            self._unserved.begin(self._outstanding)
            for future in futures:
                self._outstanding.expect(future)
                self._again.append(future.task_id)
            self._wake()

    def outstanding(self) -> List[TaskFuture[Any]]:
        """Those whose tasks were accepted and have not ended."""
        with self._lock:
            return list(self._outstanding.values())

    def is_idle(self) -> bool:
        """Is nothing waited for?"""
        return not self._outstanding and not self._sending

    def forget(self, future: TaskFuture[Any]) -> None:
        """It has ended otherwise."""
        with self._lock:
            if self._outstanding.get(future.task_id) is future:
                del self._outstanding[future.task_id]
                self._lock.notify_all()

    def leave(self, future: TaskFuture[Any]) -> None:
        """Nobody waits for it any more. Its task goes on, and so do other futures of that."""
        with self._lock:
            if self._outstanding.leave(future):
                self._lock.notify_all()

    def drain(self) -> None:
        """Waits until every task has ended."""
        self._lock.wait_for(lambda: not self._outstanding)

    def close(self) -> None:
        """The thread ends as soon as nothing is outstanding. Idempotent."""
        with self._lock:
            self._closed = True
            self._wake()

    def abandon(self, timeout: float) -> None:
        """As `close`, but what is outstanding is no longer waited for, and fails. Waits for the thread's end, at most so many
        seconds."""
        with self._lock:
            left = list(self._outstanding.values())
            self._outstanding.clear()
        self.close()
        for future in left:
            future._fail(errors.ClientClosed.of(future.task_id))
        self.join(timeout)

    def is_current(self) -> bool:
        """Is it the thread here that asks?"""
        return self._thread.is_current()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return self._thread.is_running()

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits for the thread's end, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _wake(self) -> None:
        """The thread looks at what has changed; from whoever holds the lock."""
        self._lock.notify_all()
        if self._stream is not None:
            self._stream.wake()

    def _start(self) -> None:
        self._wanted_at = time.monotonic()
        try:
            self._thread.start()
        except RuntimeError as error:
            # Python 3.12 and newer start no thread at the end of a program. Nobody will read these results; the tasks are wanted
            # all the same.
            if "interpreter shutdown" not in str(error):
                raise

    def _is_wanted(self) -> bool:
        if self._outstanding or self._sending:
            self._wanted_at = time.monotonic()
            return True
        return not self._closed and time.monotonic() - self._wanted_at < _IDLE

    def _run(self) -> None:
        try:
            self._bring()
        except BaseException as error:  # noqa: B902 - nobody may wait for ever
            with self._lock:
                failed = list(self._outstanding.values())
                self._outstanding.clear()
                self._thread.end()
                self._is_open = False
                self._lock.notify_all()
            for future in failed:
                future._fail(error)
        self._ended()

    def _bring(self) -> None:
        """Until nobody wants it any more. Raises what stands in its way for good (R6)."""
        last_id = ""
        tries = 0
        self._contact = time.monotonic()
        self._reread_at = time.monotonic() + _REREAD
        while True:
            with self._lock:
                if not self._is_wanted():
                    self._thread.end()
                    self._is_open = False
                    return
            fault: Optional[BaseException] = None
            stream: Optional[EventStream] = None
            try:
                stream = self._transport.stream(self._path, last_id, waits=False)
                with self._lock:
                    self._stream = stream
                self._follow(stream, last_id == "")
                # It went well until it ended: the next one is opened at once.
                tries = 0
            except FAULTS as error:
                fault = error
            except errors.FaasError as error:
                # Something on the way may refuse the stream alone.
                if refusals.is_for_good(error) and self._outstanding and not self._looks.look(0.0):
                    raise
                if getattr(error, "code", "") == "invalid_cursor":
                    last_id = ""
                fault = error
            finally:
                with self._lock:
                    self._stream = None
                    self._is_open = self._is_open and bool(stream and stream.last_id)
                if stream is not None:
                    if stream.last_id:
                        self._contact, tries, last_id = time.monotonic(), 0, stream.last_id
                    stream.close()
                    if fault is None and not stream.last_id:
                        fault = ConnectionResetError("the stream ended before it began")
            if fault is not None:
                tries += 1
                if tries > 1 or not isinstance(fault, FAULTS):
                    self._miss()
                    self._looks.look_on(backoff.pause(tries), self._is_over)
                    self._unserved.look(self._outstanding)
                waited = time.monotonic() - self._contact
                if waited > self._patience:
                    raise fault if isinstance(fault, errors.FaasError) else self._transport.unreachable(fault, waited)

    def _miss(self) -> None:
        """Nobody waits for a stream until one has opened."""
        with self._lock:
            self._is_open, self._is_missing = False, True
            self._lock.notify_all()

    def _is_over(self) -> bool:
        return self._closed and not self._outstanding

    def _follow(self, stream: EventStream, is_fresh: bool) -> None:
        """Until the stream ends or is wanted no more. Raises TimeoutError where it is silent, or does not say its place."""
        began = time.monotonic()
        is_placed = False
        while True:
            quiet = min(self._reread_at - time.monotonic(), self._unserved.due_in())
            is_open, events = stream.read(quiet if is_placed else self._unplaced(began))
            if not is_placed and stream.is_begun:
                self._transport.begun(stream)
            if not is_placed and stream.last_id:
                is_placed = True
                self._reread_at = 0.0
                with self._lock:
                    if is_fresh:
                        self.epoch += 1
                    self._is_open, self._is_missing = True, False
                    self._lock.notify_all()
            untold = self._take(events)
            if untold:
                self._read(untold)
            if not is_open:
                return
            with self._lock:
                again, self._again = self._again, []
                if not self._is_wanted():
                    return
                if time.monotonic() >= self._reread_at:
                    again = list(self._outstanding)
                    self._reread_at = time.monotonic() + _REREAD
            if again:
                self._read(again)
            self._unserved.look(self._outstanding)
            stream.check()
            if not is_placed and time.monotonic() - began >= _PLACE_TIMEOUT:
                raise TimeoutError("the stream did not say where it begins for %g s" % _PLACE_TIMEOUT)

    def _unplaced(self, began: float) -> float:
        """How long to wait for the place of a stream that began then, seconds. After a while what is outstanding is asked for."""
        left = began + _OPEN_TIMEOUT - time.monotonic()
        if left > 0 and not self._is_missing:
            return left
        self._miss()
        return 0.0 if self._outstanding and self._looks.look(math.inf) else looks.LONGEST

    def _take(self, events: List[Event]) -> List[str]:
        """Settles what came with its result; answers the ids of what came without."""
        untold: List[str] = []
        ended = []
        with self._lock:
            for kind, data, _ in events:
                if kind == "task.ended":
                    task_id = data["task_id"]
                    future = self._outstanding.get(task_id)
                    if future is None:
                        if self._sending:
                            self._early[task_id] = data
                    elif data.get("result") is None:
                        untold.append(task_id)
                    else:
                        del self._outstanding[task_id]
                        ended.append((future, data))
                elif kind == "reset":
                    self.epoch += 1
                    untold.extend(self._outstanding)
            if ended or untold:
                self._unserved.moved()
            if ended and not self._outstanding:
                self._lock.notify_all()
        for future, data in ended:
            self._settle(future, data)
        return untold

    def _settle(self, future: TaskFuture[Any], event: Dict[str, Any]) -> None:
        result = event.get("result")
        if result is None:
            self.add([future])
            return
        pickle = result.get("pickle")
        future._settle(result, None if pickle is None else binascii.a2b_base64(pickle))

    def _read(self, ids: Sequence[str], wait: float = 0.0, until: Optional[float] = None) -> None:
        """Asks for the ends of these tasks, and settles what has ended. wait: for a first end, seconds. until: see
        Transport.send. Raises FaasError."""
        asked = [task_id for task_id in dict.fromkeys(ids) if task_id in self._outstanding]
        for header, parts in ask_all(self._transport, asked, wait, until):
            # Whoever answers this may well answer the next, without a stream, too.
            self._contact = time.monotonic()
            if header["results"]:
                self._unserved.moved()
            for result in header["results"]:
                with self._lock:
                    future = self._outstanding.pop(result["task_id"], None)
                if future is not None:
                    frame = result.get("pickle")
                    future._settle(result, None if frame is None else parts[frame["frame"]])
            for task_id in header["unknown"]:
                with self._lock:
                    future = self._outstanding.pop(task_id, None)
                if future is not None:
                    future._fail(errors.ExpiredError("Task %s is no longer kept: its result is gone." % task_id))
        with self._lock:
            if not self._outstanding:
                self._lock.notify_all()
