"""Tasks that are to be made, and the requests that carry them."""
import json
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional

from . import errors, frames
from .connection import Connection
from .futures import TaskFuture
from .shipment import Shipment

# Smaller arguments are not looked for among the others of a request, bytes.
SHARED_FROM = 1024


class Entry(NamedTuple):
    """What the calls of a function with the same options have in common: the JSON around the number of the arguments' frame.

    shipment: held, so that a function that the service has lost can go again, however many others have been used since.
    """

    head: str
    tail: str
    function_id: str
    shipment: Optional[Shipment] = None


def head_of(function_id: str) -> str:
    """See Entry."""
    return '{"function":%s,"args_pickle":{"frame":' % json.dumps(function_id)


def tail_of(options: Dict[str, Any]) -> str:
    """See Entry. options: as the API takes them."""
    return '},"options":%s}' % json.dumps(options, separators=(",", ":"))


class Wish(NamedTuple):
    """One task to be."""

    future: TaskFuture[Any]
    entry: Entry
    args: bytes
    # It waits for room as long as the map is waited for.
    is_of_map: bool = False
    is_renewed: bool = False
    # When one by itself waits for room no longer, of time.monotonic; None: `patience` after it was first refused.
    until: Optional[float] = None

    def limited(self, until: float) -> "Wish":
        """With an end of its wait where it has none yet."""
        return self._replace(until=until) if self.until is None and not self.is_of_map else self

    def named(self, function_id: str) -> "Wish":
        """Of the same function under another id."""
        return self._replace(entry=self.entry._replace(head=head_of(function_id), function_id=function_id), is_renewed=True)


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


class NoRoom(Exception):
    """Nothing of `wishes` was taken (S5), and perhaps something of what is held (S7)."""

    def __init__(self, wishes: List[Wish], error: errors.ServiceError, held: Optional[Sending] = None) -> None:
        super().__init__()
        self.wishes = wishes
        self.error = error
        self.held = held


def no_room(sending: Sending, error: errors.ServiceError) -> NoRoom:
    """What becomes of a request that was refused for want of room."""
    if not (sending.is_doubtful or error.is_repeated):
        return NoRoom(sending.wishes, error)
    sending.is_doubtful = True
    sending.epoch = sending.connection = None
    return NoRoom([], error, sending)


def _request(wishes: List[Wish]) -> Request:
    shared: Dict[bytes, int] = {}
    parts: List[bytes] = []
    entries: List[str] = []
    for wish in wishes:
        number = shared.get(wish.args) if len(wish.args) >= SHARED_FROM else None
        if number is None:
            number = len(parts)
            parts.append(wish.args)
            if len(wish.args) >= SHARED_FROM:
                shared[wish.args] = number
        entries.append("%s%d%s" % (wish.entry.head, number, wish.entry.tail))
    header = '{"tasks":[%s]}' % ",".join(entries)
    key = os.urandom(16).hex()
    headers = {"Content-Type": frames.MEDIA_TYPE, "Accept": "application/json", "Idempotency-Key": key}
    return Request(headers, frames.encode(header.encode(), parts))
