"""One thread that submits: what came while a request was under way goes in the next one.

S1  A request holds at most so many tasks and so many bytes, but at least one task; nothing waits for company.
S2  Each request has a key of its own: however often it is sent, each of its tasks is made once.
S3  Where one task makes the service refuse a request, nothing of it was taken: that task fails, the others go again.
S4  Arguments that are the same bytes go, and count, once in a request. The service keeps a copy for each task: those have a
    limit of their own.
S5  What is refused for want of room goes back to the head of what waits, where it can be withdrawn, and is sent again. A task
    by itself waits for room as long as the executor is patient, one of a map as long as the map is waited for. The queue takes a
    request as a whole or not at all: after a refusal the next one has half as many tasks, after one that was taken twice as many.
S6  Where nothing is under way, the caller's own thread writes the request and the thread here reads the answer: a call by
    itself is not held up by the change of threads. Wherever Ctrl-C strikes the caller: the request and its key were fixed
    before, and the thread sends that one.
S7  What is refused for want of room after a try that may have been taken is held as it is: the same tasks under the same key,
    until that is answered. Another key would make those that were taken a second time.
S8  Calls by themselves and those of maps wait apart, share no request and go in turn: neither a map that is long, or waits for
    room, holds up a call by itself, nor do many of those hold up a map.
"""
import json
import math
import time
from typing import Any, Callable, Dict, List, Optional, Protocol, Sequence, Tuple

from . import errors
from .connection import Connection
from .futures import TaskFuture
from .lane import Lane
from .monitor import Monitor
from .on_demand import OnDemand
from .shipment import Shipment
from .transport import Transport
from .wishes import NoRoom, Sending, Wish, no_room

# What a caller's thread may write itself, bytes: it fits into the connection's buffer.
_SMALL = 16 * 1024
_PATH = "/v1/tasks/batch"
# An idle thread ends after so many seconds and is started again with the next task.
_IDLE = 30.0
# A caller that has not written its request by then was interrupted by Ctrl-C, seconds.
_LOOK = 1.0


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

    def renewed(self, function_id: str, shipped: Optional[Shipment]) -> Optional[str]:
        """The id under which a function that is gone was registered again, None where it cannot be."""

    def ended(self) -> None:
        """The thread that submits has nothing more to do."""


class Submits:
    """Tasks on their way to the service."""

    def __init__(self, transport: Transport, desk: Desk, name: str, patience: float) -> None:
        """patience: of a task by itself for room, seconds."""
        self._transport = transport
        self._desk = desk
        self._patience = patience
        self._changed = Monitor()
        self._thread = OnDemand(self._changed, self._run, name)
        self._by_themselves = Lane()
        self._of_maps = Lane()
        # Whose turn it is, first.
        self._lanes = [self._by_themselves, self._of_maps]
        # What goes next, whatever waits: a caller has begun it (S6).
        self._begun: Optional[Sending] = None
        # What the thread sends now.
        self._in_hand: List[Wish] = []
        self._answered = 0
        self._closed = False

    def unsent(self) -> int:
        """Tasks that have not been answered."""
        with self._changed:
            return sum(lane.waiting for lane in self._lanes) + len(self._on_the_way())

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
        is_first = self._lane(wish).is_empty and not self._is_under_way()
        return is_first and self._thread.is_running() and len(wish.args) <= _SMALL

    def _lane(self, wish: Wish) -> Lane:
        """S8."""
        return self._of_maps if wish.is_of_map else self._by_themselves

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
        # Where no thread can be started, the caller is told, and the task must not be made after all.
        self._thread.start()
        self._lane(wish).add(wish)
        if not self._is_under_way():
            self._changed.notify_all()

    def _is_under_way(self) -> bool:
        return self._begun is not None or bool(self._in_hand)

    def _on_the_way(self) -> List[Wish]:
        """Those in requests."""
        begun = [] if self._begun is None else self._begun.wishes
        return [*self._in_hand, *begun, *(wish for lane in self._lanes for wish in lane.held)]

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
            found = [future for lane in self._lanes for future in lane.withdraw(is_meant)]
            if found:
                self._changed.notify_all()
        return found

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until everything has been answered, at most `timeout` seconds."""
        return self._changed.wait_for(lambda: not self._is_waiting() and not self._on_the_way(), timeout)

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
            if self._is_waiting():
                self._thread.start()
        self._changed.wait_for(lambda: not self._is_waiting() and all([wish.future.done() for wish in self._on_the_way()]))

    def _is_waiting(self) -> bool:
        return any([lane.waiting for lane in self._lanes])

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
        return self._thread.is_current()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return self._thread.is_running()

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits for the thread's end, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while self._send_next():
            pass
        self._desk.ended()

    def _send_next(self) -> bool:
        """False where the thread is to end."""
        wishes, sending = self._next()
        if not wishes:
            return False
        lane = self._lane(wishes[0])
        try:
            self._send(wishes, sending)
            with self._changed:
                lane.went_well()
        except NoRoom as refused:
            self._put_back(lane, refused)
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
                    self._in_hand, sending = self._begun_or_next()
                    return self._in_hand, sending
                if self._is_over(until):
                    self._thread.end()
                    return [], None

    def _begun_or_next(self) -> Tuple[List[Wish], Optional[Sending]]:
        begun, self._begun = self._begun, None
        if begun is None:
            now = time.monotonic()
            lane = next(one for one in self._lanes if one.due(math.inf) <= now)
            # S8: the others are first when this one has gone.
            self._lanes.sort(key=lambda one: one is lane)
            return lane.next()
        if not begun.is_written:
            begun.is_taken = begun.is_doubtful = True
        return begun.wishes, begun

    def _is_ready(self) -> bool:
        now = time.monotonic()
        if self._begun is not None:
            return self._begun.is_written or now - self._begun.since >= _LOOK
        return self._due(math.inf) <= now

    def _due(self, never: float) -> float:
        """When the next request is to be sent, `never` where nothing waits."""
        return min([lane.due(never) for lane in self._lanes])

    def _is_over(self, until: float) -> bool:
        is_idle = self._begun is None and all([lane.is_empty for lane in self._lanes])
        return is_idle and (self._closed or time.monotonic() >= until)

    def _pause(self, until: float) -> float:
        """Until it is to be looked at again at the latest."""
        if self._begun is not None:
            return _LOOK
        return max(0.0, self._due(until) - time.monotonic())

    def _put_back(self, lane: Lane, refused: NoRoom) -> None:
        with self._changed:
            late = lane.put_back(refused, self._patience)
        # Without the lock, for a callback may withdraw the others.
        for wish in late:
            wish.future._fail(refused.error)

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
                if isinstance(error, errors.NO_ROOM):
                    raise no_room(sending, error) from None
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
                self._send_one_by_one(wishes)
                return []
            if guilty:
                for wish in guilty:
                    wish.future._fail(error)
                return [wish for i, wish in enumerate(wishes) if i not in named]
        for wish in wishes:
            wish.future._fail(error)
        return []

    def _send_one_by_one(self, wishes: List[Wish]) -> None:
        """All together are too much: by themselves they may not be."""
        for at, wish in enumerate(wishes):
            try:
                self._send([wish])
            except NoRoom as refused:
                raise NoRoom(refused.wishes + wishes[at + 1 :], refused.error, refused.held) from None
            except errors.AWAY as error:
                # Those before were taken, and have ends of their own.
                for left in wishes[at:]:
                    left.future._fail(error)
                return
            except BaseException as error:  # noqa: B902 - it is about no other task
                wish.future._fail(error)

    def _renewed(self, wishes: List[Wish], error: errors.ServiceError) -> List[Wish]:
        """The wishes with the functions that are gone registered again, each of them once. Those of one that cannot be fail."""
        ids: Dict[str, Optional[str]] = {}
        faults: Dict[str, BaseException] = {}
        again: List[Wish] = []
        for wish in wishes:
            if wish.is_renewed:
                wish.future._fail(error)
                continue
            old = wish.entry.function_id
            if old not in ids and old not in faults:
                try:
                    ids[old] = self._desk.renewed(old, wish.entry.shipment)
                except BaseException as fault:  # noqa: B902 - it is about no other function
                    faults[old] = fault
            if old in faults:
                wish.future._fail(faults[old])
            else:
                again.append(wish.named(ids[old] or old))
        return again


def _ids(content: bytes) -> List[str]:
    ids: List[str] = json.loads(content)["task_ids"]
    return ids


def _index(pointer: str) -> int:
    """'/tasks/17/args' -> 17, else -1."""
    parts = pointer.split("/")
    return int(parts[2]) if len(parts) > 2 and parts[1] == "tasks" and parts[2].isdigit() else -1
