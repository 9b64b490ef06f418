"""One thread that submits: what came while a request was under way goes in the next one.

S1  A request holds at most so many tasks and so many bytes, but at least one task; nothing waits for company.
S2  Each request has a key of its own: however often it is sent, each of its tasks is made once.
S3  Where one task makes the service refuse a request, nothing of it was taken: that task fails, the others go again.
S4  Arguments that are the same bytes go, and count, once in a request. The service keeps a copy for each task: those have a
    limit of their own.
S5  What is refused for want of room goes back to the head of what waits, where it can be withdrawn, and is sent again. A task
    by itself waits for room as long as the executor is patient, one of a map as long as the map is waited for.
S6  Where nothing is under way, the caller's own thread writes the request and the thread here reads the answer: a call by
    itself is not held up by the change of threads.
"""
import collections
import json
import os
import threading
import time
from typing import Any, Deque, Dict, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple

from . import backoff, errors, frames
from .connection import Connection
from .futures import TaskFuture
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
# A caller that Ctrl-C interrupts may not have said that it has begun, seconds.
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


class Begun(NamedTuple):
    """A request that has been written (S6)."""

    wish: Wish
    request: Optional[Request]
    epoch: int
    connection: Optional[Connection]


class _NoRoom(Exception):
    """Nothing of these was taken (S5)."""

    def __init__(self, wishes: List[Wish], error: errors.ServiceError) -> None:
        super().__init__()
        self.wishes = wishes
        self.error = error


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


class Submits:
    """Tasks on their way to the service."""

    def __init__(self, transport: Transport, desk: Desk, name: str, patience: float) -> None:
        """patience: of a task by itself for room, seconds."""
        self._transport = transport
        self._desk = desk
        self._name = name
        self._patience = patience
        self._waiting: Deque[Wish] = collections.deque()
        # A Condition is Python code, in which Ctrl-C may strike before it lets go: callers hold the lock itself.
        self._mutex = threading.RLock()
        self._changed = threading.Condition(self._mutex)
        self._thread: Optional[threading.Thread] = None
        self._under_way = 0
        self._answered = 0
        # Refusals in a row, and when the next try is due.
        self._refusals = 0
        self._due = 0.0
        self._begun: Optional[Begun] = None
        self._closed = False

    def unsent(self) -> int:
        """Tasks that have not been answered."""
        with self._mutex:
            return len(self._waiting) + self._under_way

    def add(self, wish: Wish) -> None:
        """Queues a task. Never blocks on the network."""
        epoch: Optional[int] = None
        request: Optional[Request] = None
        connection: Optional[Connection] = None
        try:
            with self._mutex:
                if self._under_way == 0 and not self._waiting and self._thread is not None and len(wish.args) <= _SMALL:
                    epoch = self._desk.opened_now()
                if epoch is None:
                    self._waiting.append(wish)
                    if self._thread is None:
                        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                        self._thread.start()
                    elif self._under_way == 0:
                        self._changed.notify_all()
                    return
                self._under_way = 1
            request = _request([wish])
            connection = self._transport.begin("POST", _PATH, request.headers, request.body)
        finally:
            if epoch is not None:
                # Wherever Ctrl-C has struck: the thread takes it from here.
                self._begun = Begun(wish, request, epoch, connection)
                with self._mutex:
                    self._changed.notify_all()

    def withdraw(self, future: TaskFuture[Any]) -> bool:
        """Takes back what has not left. False where it has."""
        with self._changed:
            for wish in self._waiting:
                if wish.future is future:
                    self._waiting.remove(wish)
                    return True
        return False

    def withdraw_some(self, futures: Sequence[TaskFuture[Any]]) -> List[TaskFuture[Any]]:
        """Takes back those of them that have not left."""
        wanted = set(map(id, futures))
        with self._changed:
            found = [wish.future for wish in self._waiting if id(wish.future) in wanted]
            self._waiting = collections.deque(wish for wish in self._waiting if id(wish.future) not in wanted)
            self._changed.notify_all()
        return found

    def withdraw_all(self) -> List[TaskFuture[Any]]:
        """Takes back everything that has not left."""
        with self._changed:
            futures = [wish.future for wish in self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
        return futures

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until everything has been answered, at most `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._under_way == 0, timeout)

    def wait_for_answer(self) -> None:
        """Waits until the request that is under way, if one is, has been answered. In a callback of the thread here it has."""
        if self.is_current():
            return
        with self._changed:
            before = self._answered
            self._changed.wait_for(lambda: self._under_way == 0 or self._answered > before)

    def close(self) -> None:
        """After the last task: the thread ends when it has sent what waits. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_current(self) -> bool:
        """Is it the thread here that asks?"""
        return self._thread is threading.current_thread()

    def join(self) -> None:
        """Waits for the thread's end."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                until = time.monotonic() + _IDLE
                while self._begun is None and (self._under_way or not self._waiting or time.monotonic() < self._due):
                    left = until - time.monotonic()
                    if not self._under_way and not self._waiting and (self._closed or left <= 0):
                        self._thread = None
                        return
                    if self._waiting:
                        left = self._due - time.monotonic()
                    self._changed.wait(max(0.0, left) if not self._under_way else _LOOK)
                begun, self._begun = self._begun, None
                wishes = self._take() if begun is None else [begun.wish]
                self._under_way = len(wishes)
            try:
                self._send(wishes, begun)
                self._refusals, self._due = 0, 0.0
            except _NoRoom as refused:
                self._put_back(refused)
            except BaseException as error:  # noqa: B902 - whatever it is, nobody may wait for ever
                for wish in wishes:
                    wish.future._fail(error)
            finally:
                del wishes, begun
                with self._changed:
                    self._under_way = 0
                    self._answered += 1
                    self._changed.notify_all()

    def _put_back(self, refused: _NoRoom) -> None:
        """S5."""
        now = time.monotonic()
        self._refusals += 1
        pause = backoff.pause(self._refusals, refused.error.problem.get("retry_after_ms", 0) / 1000)
        patient: List[Wish] = []
        failed: List[Wish] = []
        for wish in refused.wishes:
            until = now + self._patience if wish.until is None else wish.until
            if now + pause > until:
                failed.append(wish)
            elif not wish.future.done():
                patient.append(wish._replace(until=until))
        with self._changed:
            self._due = now + pause
            self._waiting.extendleft(reversed(patient))
        # Last, for a callback may withdraw the others.
        for wish in failed:
            wish.future._fail(refused.error)

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

    def _send(self, wishes: List[Wish], begun: Optional[Begun] = None) -> None:
        open_ = wishes if begun is not None else [wish for wish in wishes if not wish.future.done()]
        while open_:
            epoch = self._desk.opened() if begun is None else begun.epoch
            request = None if begun is None else begun.request
            connection = None if begun is None else begun.connection
            if request is None:
                request = _request(open_)
            begun = None
            try:
                answer = self._transport.send(
                    "POST", _PATH, request.headers, request.body, begun=connection, waits_for_room=False
                )
                ids = self._transport.read(answer, _ids)
            except errors.ServiceError as error:
                self._desk.sent()
                if isinstance(error, (errors.QueueFull, errors.RateLimitedError)):
                    raise _NoRoom(open_, error) from None
                open_ = self._without_culprit(open_, error)
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
                        raise _NoRoom(wishes[at:], refused.error) from None
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
