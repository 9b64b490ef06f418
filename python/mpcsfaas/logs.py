"""What a task prints, as it prints it."""
import socket
import time
from typing import Any, Dict, Iterator, List, Optional

from .connection import FAULTS
from .errors import FaasError
from .events import EventStream
from .transport import Transport, quoted

# How long a read may wait, seconds: nothing is missed by a longer one.
_WAIT = 30.0


def follow(transport: Transport, task_id: str) -> Iterator[Dict[str, Any]]:
    """{attempt, stream, offset, text} as the task prints, until it has ended. Over a cut connection it goes on where it was. One
    before which something was not kept says how many bytes, as `dropped_bytes`.

    Raises FaasError where the task is not known, or nobody answers; ValueError where the id is empty.
    """
    return _pieces(transport, Tail(transport, task_id))


def _pieces(transport: Transport, tail: "Tail") -> Iterator[Dict[str, Any]]:
    try:
        while not tail.is_over and not transport.is_closed:
            yield from tail.read(_WAIT)
    finally:
        tail.close()


class Tail:
    """The output of one task, for whoever waits no longer than they say. Belongs to one thread."""

    def __init__(self, transport: Transport, task_id: str, wakes: bool = True) -> None:
        """wakes: see Transport.stream. Raises ValueError where the id is empty."""
        self._transport = transport
        self._path = "/v1/tasks/%s/logs?follow=true" % quoted(task_id)
        self._wakes = wakes
        # How far each stream was told, in bytes, and how far when this connection began. Each begins at the beginning: what those
        # before it told is left out. One connection repeats nothing, and what it tells is not weighed against itself: bytes that
        # are no UTF-8 are longer in a text than in their stream.
        self._told: Dict[Any, int] = {}
        self._before: Dict[Any, int] = {}
        self._reopening = transport.reopening()
        self._stream: Optional[EventStream] = None
        self._is_begun = False
        # When the next connection is due, of time.monotonic().
        self._due = 0.0
        self.is_over = False

    @property
    def socket(self) -> Optional[socket.socket]:
        """Which has something to read as soon as something has come; None where it is not connected."""
        return None if self._stream is None else self._stream.raw

    def read(self, seconds: float) -> List[Dict[str, Any]]:
        """What has come within so many: with 0 what is there. Connects where that is due. Raises FaasError as `follow`."""
        try:
            if self._stream is None:
                self._reopening.wait(max(0.0, min(seconds, self._due - time.monotonic())))
                if time.monotonic() < self._due:
                    return []
                self._before, self._is_begun = dict(self._told), False
                self._stream = self._transport.stream(self._path, waits=False, wakes=self._wakes)
            return self._heard(self._stream, seconds)
        except (*FAULTS, FaasError) as error:
            self._break(error)
            return []

    def _heard(self, stream: EventStream, seconds: float) -> List[Dict[str, Any]]:
        is_open, events = stream.read(seconds)
        if stream.is_begun and not self._is_begun:
            self._transport.begun(stream)
            self._is_begun = True
        if is_open:
            stream.check()
        if is_open and self._is_begun:
            self._reopening.went_well()
        pieces: List[Dict[str, Any]] = []
        for kind, data, _ in events:
            if kind == "end":
                self.is_over = True
                self.close()
                return pieces
            piece = self._fresh(data) if kind == "log" else None
            if piece is not None:
                pieces.append(piece)
        if not is_open:
            self._break(ConnectionResetError("the stream ended"))
        return pieces

    def _break(self, error: BaseException) -> None:
        """The connection is over, or there was none. Raises FaasError where there will be no other."""
        if self._is_begun:
            self._reopening.was_there()
        self.close()
        self._due = time.monotonic() + self._reopening.next(error)

    def _fresh(self, data: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """What of a piece has not been told."""
        place, raw = (data["attempt"], data["stream"]), data["text"].encode()
        known = max(0, self._before.get(place, 0) - data["offset"])
        if known >= len(raw):
            return None
        # On one connection as over a cut: what lies between was not kept.
        dropped = max(0, data["offset"] - self._told.get(place, 0))
        self._told[place] = data["offset"] + len(raw)
        if dropped:
            return {**data, "dropped_bytes": dropped}
        if not known:
            return data
        return {**data, "offset": data["offset"] + known, "text": raw[known:].decode(errors="replace")}

    def close(self) -> None:
        """Idempotent."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
