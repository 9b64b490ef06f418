"""One thread that submits: what came while a request was under way goes in the next one.

S1  A request holds at most so many tasks and so many bytes, but at least one task; nothing waits for company.
S2  Each request has a key of its own: however often it is sent, each of its tasks is made once.
S3  Where one task makes the service refuse a request, nothing of it was taken: that task fails, the others go again.
S4  Arguments that are the same bytes go, and count, once in a request. The service keeps a copy for each task: those have a
    limit of their own.
S5  What is refused for want of room goes back to the head of what waits, where it can be withdrawn, and is sent again. A task
    by itself waits for room as long as the executor is patient, one of a map as long as the map is waited for.
S6  Where nothing is under way, the caller's own thread writes the request and the thread here reads the answer: a call by
    itself is not held up by the change of threads. Wherever Ctrl-C strikes the caller: the request and its key were fixed
    before, and the thread sends that one.
S7  What is refused for want of room after a try that may have been taken is held as it is: the same tasks under the same key,
    until that is answered. Another key would make those that were taken a second time.
"""
import collections
import json
import os
import threading
import time
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple

from . import backoff, errors, frames
from .connection import Connection
from .futures import TaskFuture
from .monitor import Monitor
from .transport import Transport

_MOST = 1000
# Of a request's arguments, bytes: as they go, and as the service keeps them.
_BYTES = 4 * 1024 * 1024
_KEPT_BYTES = 64 * 1024 * 1024
# Smaller ones are not looked for among the others.
_SHARED_FROM = 1024
# What a caller's thread may write itself: it fits into the connection's buffer.
_SMALL = 16 * 1024
_PATH = "/v1/tasks/batch"
# An idle thread ends after so many seconds and is started again with the next task.
_IDLE = 30.0
# A caller that has not written its request by then was interrupted by Ctrl-C, seconds.
_LOOK = 1.0


class Wish(NamedTuple):
    """One task to be: `head` is the JSON of its entry up to the number of its frame."""

    future: TaskFuture[Any]
    head: str
    args: bytes
    tail: str
    function_id: str
    is_renewed: bool = False
    # When it waits for room no longer, of time.monotonic; None: `patience` after it was first refused.
    until: Optional[float] = None


def entry(function_id: str, options: Dict[str, Any]) -> Tuple[str, str]:
    """JSON around the frame's number."""
    return (
        '{"function":%s,"args_pickle":{"frame":' % json.dumps(function_id),
        '},"options":%s}' % json.dumps(options, separators=(",", ":")),
    )


class Request(NamedTuple):
    """A request with its key: the same however often it is sent."""

    headers: Dict[str, str]
    body: List[bytes]


class Sending:
    """A request with its tasks, in this order, from its first try to its answer."""

    __slots__ = ("wishes", "request", "epoch", "connection", "since", "is_written", "is_taken", "is_doubtful")

    def __init__(self, wishes: List[Wish]) -> None:
        self.wishes = wishes
        self.request = _request(wishes)
        # In which it leaves; None: the desk has not been told.
        self.epoch: Optional[int] = None
        # On which a caller has written it (S6), when it began, and whether it is through.
        self.connection: Optional[Connection] = None
        self.since = time.monotonic()
        self.is_written = False
        # The thread has it.
        self.is_taken = False
        # A try may have been taken whose answer is not known (S7).
        self.is_doubtful = False


class _NoRoom(Exception):
    """Nothing of `wishes` was taken (S5), and perhaps something of what is held (S7)."""

    def __init__(self, wishes: List[Wish], error: errors.ServiceError, held: Optional[Sending] = None) -> None:
        super().__init__()
        self.wishes = wishes
        self.error = error
        self.held = held


class Desk(Protocol):
    """Who is told of each request: `opened` before it leaves, then `accepted` or `sent`."""

    def opened(self) -> int:
        """Answers the epoch in which the request leaves."""

    def opened_now(self) -> Optional[int]:
        """The same where that needs no wait, else None."""

    def accepted(self, futures: Sequence[TaskFuture[Any]], ids: Sequence[str], epoch: int) -> None:
        """Its tasks were taken, under these ids."""

    def sent(self) -> None:
        """They were not."""

    def renewed(self, function_id: str) -> Optional[str]:
        """The id under which a function that is gone was registered again, None where it cannot be."""

    def ended(self) -> None:
        """The thread that submits has nothing more to do."""


class Submits:
    """Tasks on their way to the service."""

    def __init__(self, transport: Transport, desk: Desk, name: str, patience: float) -> None:
        """patience: of a task by itself for room, seconds."""
        self._transport = transport
        self._desk = desk
        self._name = name
        self._patience = patience
        self._waiting: Deque[Wish] = collections.deque()
        self._changed = Monitor()
        self._thread: Optional[threading.Thread] = None
        # What goes next: a caller has begun it (S6), or it is held (S7).
        self._begun: Optional[Sending] = None
        self._held: Optional[Sending] = None
        # What the thread sends now.
        self._in_hand: List[Wish] = []
        self._answered = 0
        # Refusals in a row, and when the next try is due.
        self._refusals = 0
        self._due = 0.0
        self._closed = False

    def unsent(self) -> int:
        """Tasks that have not been answered."""
        with self._changed:
            return len(self._waiting) + len(self._on_the_way())

    def add(self, wish: Wish) -> None:
        """Queues a task. Never blocks on the network."""
        begun = Sending([wish]) if self._is_free_for(wish) else None
        connection: Optional[Connection] = None
        is_through = False
        try:
            with self._changed:
                if begun is not None and self._is_free_for(wish):
                    begun.epoch = self._desk.opened_now()
                if begun is None or begun.epoch is None:
                    self._enqueue(wish)
                    return
                self._begun = begun
            connection = self._transport.begin("POST", _PATH, begun.request.headers, begun.request.body)
            is_through = True
        finally:
            # Where Ctrl-C strikes here: the thread takes it from where it is, a little later.
            if begun is not None and begun.epoch is not None:
                self._hand_over(begun, connection, is_through)

    def _is_free_for(self, wish: Wish) -> bool:
        """May the caller write it (S6)?"""
        is_idle = not self._waiting and self._held is None and not self._is_under_way()
        return is_idle and self._thread is not None and len(wish.args) <= _SMALL

    def _hand_over(self, begun: Sending, connection: Optional[Connection], is_through: bool) -> None:
        with self._changed:
            if self._begun is begun:
                begun.connection, begun.is_doubtful, begun.is_written = connection, not is_through, True
                self._changed.notify_all()
            elif begun.is_taken:
                # Too late: the thread has sent it on another one.
                if connection is not None:
                    connection.close()
            else:
                # Nobody has seen it yet.
                self._desk.sent()

    def _enqueue(self, wish: Wish) -> None:
        self._waiting.append(wish)
        if self._thread is None:
            self._start()
        elif not self._is_under_way():
            self._changed.notify_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            self._thread.start()
        except BaseException:
            # Ctrl-C, perhaps before there was a thread. One that is there says so itself.
            self._thread = None
            raise

    def _is_under_way(self) -> bool:
        return self._begun is not None or bool(self._in_hand)

    def _on_the_way(self) -> List[Wish]:
        """Those in requests."""
        return [*self._in_hand, *(wish for one in (self._begun, self._held) if one is not None for wish in one.wishes)]

    def withdraw(self, future: TaskFuture[Any]) -> bool:
        """Takes back what has not left. False where it has."""
        return bool(self.withdraw_some([future]))

    def withdraw_some(self, futures: Sequence[TaskFuture[Any]]) -> List[TaskFuture[Any]]:
        """Takes back those of them that have not left."""
        wanted = set(map(id, futures))
        return self._withdraw(lambda wish: id(wish.future) in wanted)

    def withdraw_all(self) -> List[TaskFuture[Any]]:
        """Takes back everything that has not left."""
        return self._withdraw(lambda wish: True)

    def _withdraw(self, is_meant: Callable[[Wish], bool]) -> List[TaskFuture[Any]]:
        with self._changed:
            found = [wish.future for wish in self._waiting if is_meant(wish)]
            if found:
                self._waiting = collections.deque(wish for wish in self._waiting if not is_meant(wish))
                self._changed.notify_all()
        return found

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until everything has been answered, at most `timeout` seconds."""
        return self._changed.wait_for(lambda: not self._waiting and not self._on_the_way(), timeout)

    def wait_for_answer(self, timeout: float) -> None:
        """Waits until the request that is under way, if one is, has been answered, at most so many seconds. In a callback of the
        thread here it has."""
        if self.is_current():
            return
        before = self._answered
        self._changed.wait_for(lambda: not self._is_under_way() or self._answered > before, timeout)

    def finish(self) -> None:
        """Waits until nothing is on its way that anybody waits for."""
        with self._changed:
            if self._waiting and self._thread is None:
                self._start()
        self._changed.wait_for(lambda: not self._waiting and all([wish.future.done() for wish in self._on_the_way()]))

    def on_the_way(self) -> List[TaskFuture[Any]]:
        """The futures of tasks that are in requests without an answer."""
        with self._changed:
            return [wish.future for wish in self._on_the_way()]

    def close(self) -> None:
        """After the last task: the thread ends when it has sent what waits. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_current(self) -> bool:
        """Is it the thread here that asks?"""
        return self._thread is threading.current_thread()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return self._thread is not None

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits for the thread's end, at most `timeout` seconds."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        with self._changed:
            if self._thread not in (None, threading.current_thread()):
                return  # see _start
            self._thread = threading.current_thread()
        while self._send_next():
            pass
        self._desk.ended()

    def _send_next(self) -> bool:
        """False where the thread is to end."""
        wishes, sending = self._next()
        if not wishes:
            return False
        try:
            self._send(wishes, sending)
            self._refusals, self._due = 0, 0.0
        except _NoRoom as refused:
            self._put_back(refused)
        except BaseException as error:  # noqa: B902 - whatever it is, nobody may wait for ever
            for wish in wishes:
                wish.future._fail(error)
        finally:
            del wishes, sending
            with self._changed:
                self._in_hand = []
                self._answered += 1
                self._changed.notify_all()
        return True

    def _next(self) -> Tuple[List[Wish], Optional[Sending]]:
        """What goes next, and its request where that is fixed. Without wishes the thread is to end."""
        until = time.monotonic() + _IDLE
        while True:
            self._changed.wait_for(lambda: self._is_ready() or self._is_over(until), self._pause(until))
            with self._changed:
                if self._is_ready():
                    sending, self._begun = self._begun, None
                    if sending is None:
                        sending, self._held = self._held, None
                    elif not sending.is_written:
                        sending.is_taken = sending.is_doubtful = True
                    self._in_hand = self._take() if sending is None else sending.wishes
                    return self._in_hand, sending
                if self._is_over(until):
                    self._thread = None
                    return [], None

    def _is_ready(self) -> bool:
        now = time.monotonic()
        if self._begun is not None:
            return self._begun.is_written or now - self._begun.since >= _LOOK
        return (bool(self._waiting) or self._held is not None) and now >= self._due

    def _is_over(self, until: float) -> bool:
        is_idle = self._begun is None and self._held is None and not self._waiting
        return is_idle and (self._closed or time.monotonic() >= until)

    def _pause(self, until: float) -> float:
        """Until it is to be looked at again at the latest."""
        if self._begun is not None:
            return _LOOK
        is_idle = self._held is None and not self._waiting
        return max(0.0, (until if is_idle else self._due) - time.monotonic())

    def _put_back(self, refused: _NoRoom) -> None:
        """S5, S7."""
        now = time.monotonic()
        self._refusals += 1
        pause = backoff.pause(self._refusals, refused.error.problem.get("retry_after_ms", 0) / 1000)
        fresh, held = self._limited(refused.wishes, now), refused.held
        judged = list(fresh)
        if held is not None:
            held.wishes = self._limited(held.wishes, now)
            judged += held.wishes

        def is_late(wish: Wish) -> bool:
            return wish.until is not None and now + pause > wish.until

        patient = [not is_late(wish) and not wish.future.done() for wish in judged]
        with self._changed:
            self._due = now + pause
            self._waiting.extendleft(reversed([wish for wish, is_so in zip(fresh, patient) if is_so]))
            # All of it goes again as long as one of them is waited for.
            if any(patient[len(fresh) :]):
                self._held = held
        # Last, for a callback may withdraw the others.
        for wish in judged:
            if is_late(wish):
                wish.future._fail(refused.error)

    def _limited(self, wishes: List[Wish], now: float) -> List[Wish]:
        return [wish._replace(until=now + self._patience) if wish.until is None else wish for wish in wishes]

    def _take(self) -> List[Wish]:
        wishes: List[Wish] = []
        shared: Set[bytes] = set()
        size = kept = 0
        while self._waiting and len(wishes) < _MOST:
            args = self._waiting[0].args
            goes = 0 if len(args) >= _SHARED_FROM and args in shared else len(args)
            if wishes and (goes > 0 and size + goes > _BYTES or kept + len(args) > _KEPT_BYTES):
                break
            if len(args) >= _SHARED_FROM:
                shared.add(args)
            size += goes
            kept += len(args)
            wishes.append(self._waiting.popleft())
        return wishes

    def _send(self, wishes: List[Wish], sending: Optional[Sending] = None) -> None:
        open_ = wishes if sending is not None else [wish for wish in wishes if not wish.future.done()]
        while open_:
            if sending is None:
                sending = Sending(open_)
            epoch = self._desk.opened() if sending.epoch is None else sending.epoch
            request, connection = sending.request, sending.connection
            try:
                answer = self._transport.send(
                    "POST", _PATH, request.headers, request.body, begun=connection, waits_for_room=False
                )
                ids = self._transport.read(answer, _ids)
            except errors.ServiceError as error:
                self._desk.sent()
                if isinstance(error, (errors.QueueFull, errors.RateLimitedError)):
                    raise _no_room(sending, error) from None
                open_, sending = self._without_culprit(open_, error), None
                continue
            except BaseException:
                self._desk.sent()
                raise
            self._desk.accepted([wish.future for wish in open_], ids, epoch)
            return

    def _without_culprit(self, wishes: List[Wish], error: errors.ServiceError) -> List[Wish]:
        """Fails those whom the refusal is about; answers the others (S3)."""
        if error.code == "function_not_found":
            return self._renewed(wishes, error)
        if len(wishes) > 1:
            named = {_index(fault.get("pointer", "")) for fault in error.errors}
            guilty = [wish for i, wish in enumerate(wishes) if i in named]
            if not guilty and isinstance(error, errors.TooLargeError):
                # All together are too much: one by one they may not be.
                for at, wish in enumerate(wishes):
                    try:
                        self._send([wish])
                    except _NoRoom as refused:
                        raise _NoRoom(refused.wishes + wishes[at + 1 :], refused.error, refused.held) from None
                return []
            if guilty:
                for wish in guilty:
                    wish.future._fail(error)
                return [wish for i, wish in enumerate(wishes) if i not in named]
        for wish in wishes:
            wish.future._fail(error)
        return []

    def _renewed(self, wishes: List[Wish], error: errors.ServiceError) -> List[Wish]:
        """The wishes with the functions that are gone registered again, each of them once."""
        ids: Dict[str, Optional[str]] = {}
        again: List[Wish] = []
        for wish in wishes:
            if wish.is_renewed:
                wish.future._fail(error)
                continue
            old = wish.function_id
            if old not in ids:
                ids[old] = self._desk.renewed(old)
            new = ids[old] or old
            head = wish.head.replace(json.dumps(old), json.dumps(new))
            again.append(wish._replace(head=head, function_id=new, is_renewed=True))
        return again


def _no_room(sending: Sending, error: errors.ServiceError) -> _NoRoom:
    """What becomes of a request that was refused for want of room."""
    if not (sending.is_doubtful or error.is_repeated):
        return _NoRoom(sending.wishes, error)
    sending.is_doubtful = True
    sending.epoch = sending.connection = None
    return _NoRoom([], error, sending)


def _request(wishes: List[Wish]) -> Request:
    shared: Dict[bytes, int] = {}
    parts: List[bytes] = []
    entries: List[str] = []
    for wish in wishes:
        number = shared.get(wish.args) if len(wish.args) >= _SHARED_FROM else None
        if number is None:
            number = len(parts)
            parts.append(wish.args)
            if len(wish.args) >= _SHARED_FROM:
                shared[wish.args] = number
        entries.append("%s%d%s" % (wish.head, number, wish.tail))
    header = '{"tasks":[%s]}' % ",".join(entries)
    key = os.urandom(16).hex()
    headers = {"Content-Type": frames.MEDIA_TYPE, "Accept": "application/json", "Idempotency-Key": key}
    return Request(headers, frames.encode(header.encode(), parts))


def _ids(content: bytes) -> List[str]:
    ids: List[str] = json.loads(content)["task_ids"]
    return ids


def _index(pointer: str) -> int:
    """'/tasks/17/args' -> 17, else -1."""
    parts = pointer.split("/")
    return int(parts[2]) if len(parts) > 2 and parts[1] == "tasks" and parts[2].isdigit() else -1
