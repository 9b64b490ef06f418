"""One kept-alive HTTP connection: a request in one write, an answer, or the fault that broke it."""
import datetime
import email.utils
import http.client
import math
import select
import socket
import ssl
import struct
import sys
import time
import urllib.parse
from typing import Dict, List, Optional, Sequence, Tuple

# A request of this size or less leaves in one piece with its head: two pieces would be two packets.
_ONE_PIECE = 64 * 1024
_PIECE = 256 * 1024
_LONGEST_HEAD = 64 * 1024
# Seconds.
_BELIEVED = 1.0

# What a broken connection looks like: the request may or may not have arrived.
FAULTS = (ConnectionError, http.client.HTTPException, TimeoutError, socket.timeout, ssl.SSLError, OSError)


def is_silence(fault: BaseException) -> bool:
    """Is it the end of a wait, for a connection or for what is due on it?"""
    return isinstance(fault, (TimeoutError, socket.timeout))


def readable(sockets: List[socket.socket], seconds: float) -> List[socket.socket]:
    """Those that have something to read, within so many seconds."""
    if not hasattr(select, "poll"):
        return select.select(sockets, [], [], seconds)[0]
    # select(2) knows no file number above 1023, and the program may have many files open.
    poll = select.poll()
    for one in sockets:
        poll.register(one, select.POLLIN)
    ready = {number for number, _ in poll.poll(math.ceil(seconds * 1000))}
    return [one for one in sockets if one.fileno() in ready]


class Address:
    """Where the service is. Raises ValueError for what is no http URL."""

    def __init__(self, url: str) -> None:
        url = url.strip()  # read from a file it may have a line end
        try:
            parts: Optional[urllib.parse.SplitResult] = urllib.parse.urlsplit(url if "//" in url else "http://" + url)
            port = parts.port if parts else None
        except ValueError:
            parts = port = None  # its port is no number, or its brackets do not fit
        is_http = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
        if "@" in (parts.netloc if parts is not None and is_http else url):
            # Without the URL itself, for what is secret in it.
            raise ValueError(
                "the URL of a service holds no user and no password: name it as http://host:8000, and give its API key as the "
                "argument `api_key` or the variable MPCSFAAS_API_KEY"
            )
        if parts is None or not is_http or not parts.hostname or not _is_printable(parts.netloc + parts.path):
            raise ValueError("%r is no URL of a service: it looks like http://127.0.0.1:8000" % url)
        self.url = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path.rstrip("/"))
        self.secure = parts.scheme == "https"
        self.name = parts.hostname
        self.port = port or (443 if self.secure else 80)
        self.host = parts.netloc
        self.prefix = parts.path.rstrip("/")


def _is_printable(text: str) -> bool:
    """Without blanks and without what no head of a request can hold."""
    return text.isprintable() and " " not in text


class Answer:
    """An answer whose body has been read. Names of headers are in small letters."""

    __slots__ = ("status", "headers", "content")

    def __init__(self, status: int, headers: Dict[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content


class Connection:
    """Belongs to one thread at a time."""

    def __init__(self, address: Address, timeout: float) -> None:
        """Connects, within `timeout` seconds. Raises OSError."""
        self._address = address
        if address.secure:
            wire: http.client.HTTPConnection = http.client.HTTPSConnection(address.name, address.port, timeout=timeout)
        else:
            wire = http.client.HTTPConnection(address.name, address.port, timeout=timeout)
        wire.connect()  # with TCP_NODELAY
        self._wire = wire
        self._socket: socket.socket = wire.sock
        self._timeout = timeout
        self._used = time.monotonic()
        self._wait_at_most(timeout)

    def _wait_at_most(self, seconds: float) -> None:
        """Of each wait for the socket. Left to the kernel where it can be: Python's own way asks it twice each time."""
        if self._address.secure or not hasattr(socket, "SO_RCVTIMEO") or sys.platform == "win32":
            self._socket.settimeout(seconds)
            return
        self._socket.settimeout(None)
        timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)

    def is_stale(self) -> bool:
        """Has the other end closed it, or said something unasked? One that was used a moment ago is believed in."""
        if time.monotonic() - self._used < _BELIEVED:
            return False
        return bool(readable([self._socket], 0.0))

    def send(self, method: str, path: str, headers: Dict[str, str], body: Sequence[bytes], timeout: float) -> None:
        """Sends a request. Raises what FAULTS names."""
        if timeout != self._timeout:
            self._wait_at_most(timeout)
            self._timeout = timeout
        size = sum(map(len, body))
        lines: List[str] = ["%s %s%s HTTP/1.1" % (method, self._address.prefix, path), "Host: " + self._address.host]
        lines.extend("%s: %s" % item for item in headers.items())
        if method == "POST":
            lines.append("Content-Length: %d" % size)
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if size <= _ONE_PIECE:
            self._put(b"".join((head, *body)))
            return
        self._put(head)
        small: List[bytes] = []
        gathered = 0
        for piece in body:
            if gathered + len(piece) > _ONE_PIECE:
                self._put(b"".join(small))
                small, gathered = [], 0
            if len(piece) > _ONE_PIECE:
                self._put(piece)
            else:
                small.append(piece)
                gathered += len(piece)
        if small:
            self._put(b"".join(small))

    def _put(self, piece: bytes) -> None:
        try:
            self._socket.sendall(piece)
        except BlockingIOError:
            raise self._silence() from None

    def _silence(self) -> TimeoutError:
        """What the kernel tells of a wait that is over says nothing to anybody."""
        return TimeoutError("nothing came for %g s" % round(self._timeout, 1))

    def head(self) -> Tuple[int, Dict[str, str], bytes]:
        """The answer's status and headers, and what has come of its body. Raises what FAULTS names."""
        raw = self._more()
        while True:
            head = head_of(raw)
            if head is not None:
                return head
            raw += self._more()

    def exchange(self, method: str, path: str, headers: Dict[str, str], body: Sequence[bytes], timeout: float) -> Answer:
        """A request and its answer."""
        self.send(method, path, headers, body, timeout)
        return self.receive()

    def receive(self) -> Answer:
        """The answer to what was sent; closed afterwards where the service will not keep it. Raises what FAULTS names."""
        status, fields, rest = self.head()
        if fields.get("transfer-encoding", "").lower() == "chunked":
            chunks = Chunks()
            parts = [chunks.take(rest)]
            while not chunks.is_over:
                parts.append(chunks.take(self._more()))
            content = b"".join(parts)
        elif "content-length" in fields:
            content = self._exactly(int(fields["content-length"]), rest)
        elif status in (204, 304):
            content = b""
        else:
            # HTTP/1.0, as some proxies speak it: the answer ends with the connection.
            content = rest + b"".join(iter(self.piece, b""))
            self.close()
        self._used = time.monotonic()
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, fields, content)

    def _exactly(self, length: int, rest: bytes) -> bytes:
        if len(rest) >= length:
            return rest[:length]
        whole = bytearray(length)
        whole[: len(rest)] = rest
        view, at = memoryview(whole), len(rest)
        while at < length:
            try:
                count = self._socket.recv_into(view[at:])
            except BlockingIOError:
                raise self._silence() from None
            if count == 0:
                raise http.client.IncompleteRead(bytes(view[:at]), length - at)
            at += count
        return bytes(whole)

    def piece(self) -> bytes:
        """Some bytes of the answer, b'' where the connection has ended. Raises what FAULTS names."""
        try:
            return self._socket.recv(_PIECE)
        except BlockingIOError:
            raise self._silence() from None

    def _more(self) -> bytes:
        piece = self.piece()
        if not piece:
            raise ConnectionResetError("the connection ended before the answer did")
        return piece

    @property
    def is_open(self) -> bool:
        """Can it be used again?"""
        return self._wire.sock is not None

    @property
    def raw(self) -> socket.socket:
        """The socket itself, for whoever reads an answer that goes on."""
        return self._socket

    def cut(self) -> None:
        """From any thread: whoever reads here finds it ended. It is still to be closed."""
        try:
            # Of the wire itself: TLS would take its own things down, which the reader is using.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def close(self) -> None:
        """Idempotent."""
        self._wire.close()


def head_of(raw: bytes) -> Optional[Tuple[int, Dict[str, str], bytes]]:
    """Of the beginning of an answer: status, headers, and what has come of the body; None where more of it is due. Raises
    HTTPException where it is none."""
    head, end, rest = raw.partition(b"\r\n\r\n")
    if not end:
        if len(raw) > _LONGEST_HEAD:
            raise http.client.LineTooLong("head")
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.") or not first[9:12].isdigit():
        raise http.client.BadStatusLine(first)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(first[9:12]), headers, rest


class Unbounded:
    """A body that ends with its connection."""

    is_over = False

    def take(self, piece: bytes) -> bytes:
        """All of it."""
        return piece


class Chunks:
    """A chunked body, taken apart as it comes."""

    def __init__(self) -> None:
        self.is_over = False
        self._raw = b""
        self._left = 0  # of the chunk that is being read, its line end too
        self._is_last = False  # the empty chunk has come

    def take(self, piece: bytes) -> bytes:
        """What the piece adds to the body. Raises HTTPException where it is not chunked."""
        raw, at = self._raw + piece, 0
        parts = []
        while at < len(raw) and not self.is_over:
            if self._left == 0:
                end = raw.find(b"\r\n", at)
                if end < 0:
                    break
                line, at = raw[at:end], end + 2
                if self._is_last:
                    # Fields may follow, and an empty line does: left unread, it would be taken for the next answer.
                    self.is_over = not line
                    continue
                try:
                    size = int(line.split(b";")[0], 16)
                except ValueError:
                    raise http.client.HTTPException("the answer is not chunked") from None
                self._is_last = size == 0
                self._left = size + 2 if size else 0
                continue
            # The last two of a chunk are its line end.
            parts.append(raw[at : at + max(0, self._left - 2)])
            taken = min(self._left, len(raw) - at)
            at += taken
            self._left -= taken
        self._raw = raw[at:]
        return b"".join(parts)


def retry_after(headers: Dict[str, str]) -> float:
    """Seconds that the service asks to wait, told as such or as a date; 0 where it says nothing that can be read."""
    told = headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        moment = _moment(told)
    if moment is None:
        return 0.0
    # By the clock that the date is of, where that is told: ours may go otherwise.
    now = _moment(headers.get("date", ""))
    return max(0.0, moment - (time.time() if now is None else now))


def _moment(date: str) -> Optional[float]:
    """A date of HTTP as seconds since 1970, None where it is none."""
    try:
        found = email.utils.parsedate_to_datetime(date)
        return found.replace(tzinfo=found.tzinfo or datetime.timezone.utc).timestamp()
    except (TypeError, ValueError, LookupError, OverflowError):
        return None  # Python 3.9 has a TypeError where newer ones have a ValueError
