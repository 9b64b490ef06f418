"""One kept-alive HTTP connection: a request in one write, an answer, or the fault that broke it."""
import http.client
import select
import socket
import ssl
import urllib.parse
from typing import Dict, List, Optional, Sequence

# A request of this size or less leaves in one piece with its head: two pieces would be two packets.
_ONE_PIECE = 64 * 1024

# What a broken connection looks like: the request may or may not have arrived.
FAULTS = (ConnectionError, http.client.HTTPException, TimeoutError, socket.timeout, ssl.SSLError, OSError)


class Address:
    """Where the service is. Raises ValueError for what is no http URL."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url if "//" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("%r is no URL of a service: it looks like http://127.0.0.1:8000" % url)
        self.url = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path.rstrip("/"))
        self.secure = parts.scheme == "https"
        self.name = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.host = parts.netloc.rpartition("@")[2]
        self.prefix = parts.path.rstrip("/")


class Answer:
    """An answer whose body has been read."""

    __slots__ = ("status", "headers", "content")

    def __init__(self, status: int, headers: http.client.HTTPMessage, content: bytes) -> None:
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

    def is_stale(self) -> bool:
        """Has the other end closed it, or said something unasked?"""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return bool(readable)

    def send(self, method: str, path: str, headers: Dict[str, str], body: Sequence[bytes], timeout: float) -> None:
        """Sends a request. Raises what FAULTS names."""
        self._socket.settimeout(timeout)
        size = sum(map(len, body))
        lines: List[str] = ["%s %s%s HTTP/1.1" % (method, self._address.prefix, path), "Host: " + self._address.host]
        lines.extend("%s: %s" % item for item in headers.items())
        if method == "POST":
            lines.append("Content-Length: %d" % size)
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if size <= _ONE_PIECE:
            self._socket.sendall(b"".join((head, *body)))
            return
        self._socket.sendall(head)
        small: List[bytes] = []
        gathered = 0
        for piece in body:
            if gathered + len(piece) > _ONE_PIECE:
                self._socket.sendall(b"".join(small))
                small, gathered = [], 0
            if len(piece) > _ONE_PIECE:
                self._socket.sendall(piece)
            else:
                small.append(piece)
                gathered += len(piece)
        if small:
            self._socket.sendall(b"".join(small))

    def begin(self, method: str) -> http.client.HTTPResponse:
        """The answer's head. Raises what FAULTS names."""
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        return response

    def exchange(self, method: str, path: str, headers: Dict[str, str], body: Sequence[bytes], timeout: float) -> Answer:
        """A request and its answer; closed afterwards where the service will not keep it."""
        self.send(method, path, headers, body, timeout)
        response = self.begin(method)
        try:
            content = response.read()
        finally:
            response.close()
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, content)

    @property
    def is_open(self) -> bool:
        """Can it be used again?"""
        return self._wire.sock is not None

    @property
    def raw(self) -> socket.socket:
        """The socket itself, for whoever reads an answer that goes on."""
        return self._socket

    def close(self) -> None:
        """Idempotent."""
        self._wire.close()


def retry_after(headers: Optional[http.client.HTTPMessage]) -> float:
    """Seconds that the service asks to wait, 0 where it says nothing that can be read."""
    try:
        return max(0.0, float((headers or {}).get("Retry-After") or 0))
    except ValueError:
        return 0.0
