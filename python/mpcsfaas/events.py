"""Server-sent events from a raw connection: read piece by piece, with a look aside whenever somebody wakes the reader."""
import json
import socket
import ssl
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from .connection import Address, Answer, Chunks, Connection, Unbounded, head_of, readable

_KIND = "text/event-stream"
_PIECE = 256 * 1024
# Seconds; longer than two of the comments that the service sends every 15 s.
_SILENCE = 40.0


class Event(NamedTuple):
    """kind: 'task.ended', 'reset', 'log', 'end', or '' for a comment that moved the reader's place. id: the place after it, ''
    where none was told."""

    kind: str
    data: Any
    id: str


class EventStream:
    """One long GET. Reading belongs to one thread; `wake` may be called by any."""

    def __init__(self, address: Address, path: str, headers: Dict[str, str], timeout: float, wakes: bool = True) -> None:
        """Sends the request. timeout: of connecting, and for the head of the answer, seconds. wakes: it can be woken, which takes
        two more open files. Raises FAULTS."""
        self.path = path
        self.last_id = ""
        self.is_begun = False
        self._timeout = timeout
        self._heard_at = time.monotonic()
        self._chunks: Union[Chunks, Unbounded] = Unbounded()
        self._rest = b""
        self._text = b""
        # A refusal, or what is no event stream; it has no events.
        self.answer: Optional[Answer] = None
        self._connection = Connection(address, timeout)
        self._ours: Optional[socket.socket] = None
        self._wakers: Optional[socket.socket] = None
        try:
            if wakes:
                self._ours, self._wakers = socket.socketpair()
                self._ours.setblocking(False)
                # Whoever wakes the reader may hold what it waits for.
                self._wakers.setblocking(False)
            self._connection.send("GET", path, {**headers, "Accept": _KIND}, (), timeout)
            self._socket = self._connection.raw
            self._socket.settimeout(0.0)  # it is read when there is something
        except BaseException:
            self.close()
            raise

    def begin(self, seconds: float) -> bool:
        """Has the head of the answer come, within `seconds`, or sooner where somebody woke us? Raises FAULTS, of which
        TimeoutError is one where it has not come in time."""
        if self.is_begun:
            return True
        piece = self._piece(min(seconds, self._heard_at + self._timeout - time.monotonic()))
        if piece == b"":
            raise ConnectionResetError("the connection ended before the answer did")
        self._rest += piece or b""
        head = head_of(self._rest)
        if head is not None:
            self._take_head(*head)
        elif piece is None and time.monotonic() - self._heard_at >= self._timeout:
            raise TimeoutError("nothing came for %g s" % round(self._timeout, 1))
        return self.is_begun

    def _take_head(self, status: int, headers: Dict[str, str], rest: bytes) -> None:
        self.is_begun = True
        if headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunks = Chunks()
        self._rest = rest
        if status >= 400 or not headers.get("content-type", _KIND).startswith(_KIND):
            length = int(headers.get("content-length") or 0)
            self._socket.settimeout(self._timeout)
            while len(rest) < length:
                piece = self._connection.piece()
                if not piece:
                    break
                rest += piece
            self.answer = Answer(status, headers, rest[:length])

    def read(self, seconds: float) -> Tuple[bool, List[Event]]:
        """(is it still open, what has come) within `seconds`, or sooner where somebody woke us. Raises FAULTS."""
        if not self.is_begun:
            if not self.begin(seconds):
                return True, []
            seconds = 0.0
        if self.answer is not None:
            return False, []
        if not self._rest:
            piece = self._piece(seconds)
            if not piece:
                return piece is None, []
            self._rest = piece
        self._text += self._chunks.take(self._rest)
        self._rest = b""
        return not self._chunks.is_over, self._events()

    def _piece(self, seconds: float) -> Optional[bytes]:
        """What comes within so many seconds, b'' at the end, None where nothing has come or somebody woke us."""
        pending = getattr(self._socket, "pending", None)  # what TLS has decoded already
        if not (pending is not None and pending()):
            ready = readable([self._socket] if self._ours is None else [self._socket, self._ours], max(0.0, seconds))
            if self._ours is not None and self._ours in ready:
                try:
                    self._ours.recv(4096)
                except BlockingIOError:
                    pass
            if self._socket not in ready:
                return None
        try:
            piece = self._socket.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        self._heard_at = time.monotonic()
        return piece

    def heard(self) -> Tuple[bool, List[Event]]:
        """As `read`, with patience for a service that is alive. Raises TimeoutError, which is one of FAULTS, where it is not."""
        is_open, events = self.read(_SILENCE)
        if is_open:
            self.check()
        return is_open, events

    def check(self) -> None:
        """After a `read`. Raises TimeoutError, which is one of FAULTS, where the service has been silent for too long."""
        if time.monotonic() - self._heard_at >= _SILENCE:
            raise TimeoutError("nothing came for %g s" % _SILENCE)

    def _events(self) -> List[Event]:
        whole, split, rest = self._text.rpartition(b"\n\n")
        if not split:
            return []
        self._text = rest
        told: List[Tuple[str, bytes, str]] = []
        place = self.last_id
        for block in whole.split(b"\n\n"):
            kind, data = "", b""
            for line in block.split(b"\n"):
                name, _, value = line.partition(b": ")
                if name == b"id":
                    place = value.decode()
                elif name == b"event":
                    kind = value.decode()
                elif name == b"data":
                    data += value
            told.append((kind, data or b"null", place))
        # In one text: to read each by itself takes twice as long.
        values = json.loads(b"[%s]" % b",".join([data for _, data, _ in told]))
        if len(values) != len(told):
            raise ValueError("an event of the stream is not one JSON value")
        # What could not be read was not told, and comes again.
        self.last_id = place
        return [Event(kind, value, place) for (kind, _, place), value in zip(told, values)]

    def wake(self) -> None:
        """Ends the read under way, from any thread."""
        if self._wakers is None:
            return
        try:
            self._wakers.send(b"!")
        except OSError:
            pass  # one that was sent before wakes it, or it has ended

    def close(self) -> None:
        """Idempotent; from the thread that reads."""
        self._connection.close()
        for one in (self._ours, self._wakers):
            if one is not None:
                one.close()

    @property
    def raw(self) -> socket.socket:
        """For whoever waits for several streams at a time."""
        return self._socket
