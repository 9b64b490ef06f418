"""Server-sent events from a raw connection: read piece by piece, with a look aside whenever somebody wakes the reader."""
import http.client
import io
import json
import select
import socket
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .connection import Address, Answer, Connection

_PIECE = 256 * 1024


class Event(NamedTuple):
    """kind: 'task.ended', 'reset', 'log', 'end', or '' for a comment that moved the reader's place."""

    kind: str
    data: Any


class EventStream:
    """One long GET. Reading belongs to one thread; `wake` may be called by any."""

    def __init__(self, address: Address, path: str, headers: Dict[str, str], timeout: float) -> None:
        """Sends the request and reads the answer's head; `timeout`: of connecting and of the head, seconds. Raises FAULTS.

        A refusal is in `answer`; it has no events.
        """
        self.last_id = ""
        self.answer: Optional[Answer] = None
        self._connection = Connection(address, timeout)
        self._ours, self._wakers = socket.socketpair()
        self._ours.setblocking(False)
        try:
            self._connection.send("GET", path, {**headers, "Accept": "text/event-stream"}, (), timeout)
            self._socket = self._connection.raw
            self._raw = b""
            self._head()
        except BaseException:
            self.close()
            raise
        self._text = b""
        self._left = 0  # of the chunk that is being read, its line end too

    def _head(self) -> None:
        while b"\r\n\r\n" not in self._raw:
            piece = self._socket.recv(_PIECE)
            if not piece:
                raise ConnectionResetError("the connection ended before an answer")
            self._raw += piece
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        try:
            status = int(line.split(None, 2)[1])
        except (IndexError, ValueError):
            raise http.client.BadStatusLine(line.decode("latin-1")) from None
        headers = http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        self._chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        if status >= 400:
            length = int(headers.get("Content-Length") or 0)
            while len(self._raw) < length:
                piece = self._socket.recv(_PIECE)
                if not piece:
                    break
                self._raw += piece
            self.answer = Answer(status, headers, self._raw[:length])

    def read(self, seconds: float) -> Tuple[bool, List[Event]]:
        """(is it still open, what has come) within `seconds`, or sooner where somebody woke us. Raises FAULTS."""
        if not self._raw:
            pending = getattr(self._socket, "pending", None)  # what TLS has decoded already
            if not (pending is not None and pending()):
                ready, _, _ = select.select([self._socket, self._ours], [], [], max(0.0, seconds))
                if self._ours in ready:
                    try:
                        self._ours.recv(4096)
                    except BlockingIOError:
                        pass
                if self._socket not in ready:
                    return True, []
            self._raw = self._socket.recv(_PIECE)
            if not self._raw:
                return False, []
        is_open = True
        if self._chunked:
            is_open = self._unchunk()
        else:
            self._text += self._raw
            self._raw = b""
        return is_open, list(self._events())

    def _unchunk(self) -> bool:
        """Moves whole and partial chunks into the text. False at the last one."""
        parts = [self._text]
        raw, at = self._raw, 0
        is_open = True
        while at < len(raw):
            if self._left == 0:
                end = raw.find(b"\r\n", at)
                if end < 0:
                    break
                size = int(raw[at:end].split(b";")[0], 16)
                at = end + 2
                if size == 0:
                    is_open = False
                    break
                self._left = size + 2
            take = min(self._left, len(raw) - at)
            # The last two of a chunk are its line end.
            parts.append(raw[at : at + min(take, max(0, self._left - 2))])
            at += take
            self._left -= take
        self._raw = raw[at:] if is_open and self._left == 0 else b""
        if self._raw:
            # A size that is cut off: the rest of it comes with the next piece.
            more = self._socket.recv(_PIECE)
            if not more:
                is_open = False
            self._raw += more
        self._text = b"".join(parts)
        return is_open

    def _events(self) -> Iterator[Event]:
        whole, split, rest = self._text.rpartition(b"\n\n")
        if not split:
            return
        self._text = rest
        for block in whole.split(b"\n\n"):
            kind, data = "", b""
            for line in block.split(b"\n"):
                name, _, value = line.partition(b": ")
                if name == b"id":
                    self.last_id = value.decode()
                elif name == b"event":
                    kind = value.decode()
                elif name == b"data":
                    data += value
            yield Event(kind, json.loads(data) if data else None)

    def wake(self) -> None:
        """Ends the read under way, from any thread."""
        try:
            self._wakers.send(b"!")
        except OSError:
            pass

    def close(self) -> None:
        """Idempotent; from the thread that reads."""
        self._connection.close()
        self._ours.close()
        self._wakers.close()
