"""Requests to the service: pooled connections, retries with backoff, refusals as typed errors."""
import collections
import json
import math
import os
import threading
import time
import urllib.parse
import weakref
from typing import Any, Callable, Deque, Dict, Mapping, Optional, Sequence, Set, TypeVar

from . import backoff, errors, refusals
from .connection import FAULTS, Address, Answer, Connection
from .events import EventStream
from .versions import __version__

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8000"

# How long a service that has never answered is tried, seconds: whoever mistyped a URL wants to know soon.
_FIRST_PATIENCE = 3.0
# How long one that has answered before is waited for, seconds: it is being restarted, or its queue is full.
PATIENCE = 60.0
_CONNECT_TIMEOUT = 10.0
# For an answer, beside the wait that the request itself asks for, seconds.
_ANSWER_TIMEOUT = 60.0
# For an answer that is due when the caller waits no longer, seconds.
_GRACE = 1.0
_KEPT_CONNECTIONS = 16
# Refused before anything was done; where the store was away, something may have been.
_NOT_BEGUN = ("not_ready", "shutting_down")
_AGAIN = ("store_unavailable", *_NOT_BEGUN)


class Transport:
    """May be used by any number of threads. Idempotent close."""

    def __init__(
        self,
        url: Optional[str] = None,
        api_key: Optional[str] = None,
        patience: float = PATIENCE,
    ) -> None:
        """url, api_key: MPCSFAAS_URL and MPCSFAAS_API_KEY where not given. patience: of retries, seconds."""
        if url is not None and not isinstance(url, str):
            raise TypeError("the URL of a service is a text such as http://127.0.0.1:8000, not %r" % (url,))
        self.address = Address(url or os.environ.get("MPCSFAAS_URL") or DEFAULT_URL)
        # Read from a file it may have a line end.
        self._key = (api_key or os.environ.get("MPCSFAAS_API_KEY") or "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise ValueError("the API key has characters that no key has")
        self._patience = patience
        self._idle: Deque[Connection] = collections.deque()
        self._reached = False
        self._closing = threading.Event()
        self._streams: "weakref.WeakSet[EventStream]" = weakref.WeakSet()
        # On which answers are waited for that may take long.
        self._waiting: Set[Connection] = set()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._headers: Dict[str, str] = {"User-Agent": "mpcsfaas-python/" + __version__}
        if self._key:
            self._headers["Authorization"] = "Bearer " + self._key

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Optional[Mapping[str, Any]] = None,
        safe: bool = True,
        until: Optional[float] = None,
    ) -> Any:
        """JSON in, JSON out. safe: may be sent twice. until: see `send`."""
        given: Dict[str, str] = {"Accept": "application/json"}
        pieces: Sequence[bytes] = ()
        if method == "POST":
            given["Content-Type"] = "application/json"
            pieces = (json.dumps({} if body is None else body).encode(),)
        answer = self.send(method, with_query(path, query), given, pieces, safe=safe, until=until)
        return None if answer.status == 204 else self.read(answer, json.loads)

    def read(self, answer: Answer, how: Callable[[bytes], T]) -> T:
        """What the answer says. Raises NoService where it cannot be read so."""
        try:
            return how(answer.content)
        except (ValueError, TypeError, LookupError):
            raise refusals.no_service(self.address, answer) from None

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes],
        *,
        wait: float = 0.0,
        safe: bool = True,
        until: Optional[float] = None,
        begun: Optional[Connection] = None,
        waits_for_room: bool = True,
    ) -> Answer:
        """Sends until it is answered, refused for good, or patience is at its end. `begun`: see there. wait: seconds that the
        request itself asks to wait; `close` cuts such a one off. waits_for_room: tries again where the queue is full or the caller too fast. until: no try but the first begins after it, of
        time.monotonic(), and none lasts much longer. Raises FaasError, which knows whether it `is_repeated`."""
        asked = {**self._headers, **headers}
        started = time.monotonic()
        end = math.inf if until is None else until
        tries = 0
        is_doubtful = False
        while True:
            tries += 1
            fault: Optional[BaseException] = None
            answer: Optional[Answer] = None
            refusal: Optional[errors.FaasError] = None
            arrived = False
            longest = max(0.0, end - time.monotonic()) + _GRACE
            try:
                connection, is_sent, begun = begun or self._connection(longest), begun is not None, None
                try:
                    arrived = True
                    if is_sent:
                        answer = connection.receive()
                    elif wait > 0:
                        answer = self._waited_for(connection, method, path, asked, body, min(_ANSWER_TIMEOUT + wait, longest))
                    else:
                        answer = connection.exchange(method, path, asked, body, min(_ANSWER_TIMEOUT + wait, longest))
                except BaseException:
                    connection.close()
                    raise
                self._keep(connection)
            except FAULTS as error:
                fault = error
            if answer is not None:
                self._reached = True
                if answer.status < 400:
                    return answer
                refusal = refusals.refusal(self.address, answer, method, path)
                refusal.is_repeated = is_doubtful
                if not _may_pass(refusal) or (isinstance(refusal, errors.NO_ROOM) and not waits_for_room):
                    raise refusal
                if not safe and not _is_undone(refusal):
                    words = "%s The request %s %s may or may not have been done, so it is not sent again." % (refusal, method, path)
                    if isinstance(refusal, errors.ServiceError):
                        raise type(refusal)(words, refusal.problem)
                    raise type(refusal)(words)
            elif arrived and not safe:
                raise errors.ServiceUnreachable(
                    "The connection to %s broke while the request %s %s was under way (%s): it may or may not have been "
                    "done, so it is not sent again." % (self.address.url, method, path, fault)
                ) from fault
            is_doubtful = is_doubtful or (arrived and (answer is None or answer.status != 429))
            limit = self._patience
            if not self._reached:
                limit = min(limit, _FIRST_PATIENCE)
            pause = backoff.pause(tries, refusal.retry_after if refusal else 0.0)
            now = time.monotonic()
            is_over = now - started + pause > limit
            if is_over or self._closing.wait(min(pause, max(0.0, end - now))) or now + pause >= end:
                if refusal is not None:
                    raise refusal from None
                raise self.unreachable(fault, time.monotonic() - started) from None

    def _waited_for(self, connection: Connection, *request: Any) -> Answer:
        """The answer to a request that may take long, unless `close` is called. Raises what FAULTS names."""
        with self._lock:
            self._waiting.add(connection)
        try:
            if self.is_closed:
                raise ConnectionAbortedError("the client was closed")
            return connection.exchange(*request)
        finally:
            with self._lock:
                self._waiting.discard(connection)

    def begin(self, method: str, path: str, headers: Mapping[str, str], body: Sequence[bytes]) -> Optional[Connection]:
        """Sends a small request on a connection that is idle and does not wait: `send` is then called with the same request
        and this connection. None where nothing was sent."""
        connection = self._popped() if self._pid == os.getpid() else None
        if connection is None:
            return None
        try:
            if not connection.is_stale():
                connection.send(method, path, {**self._headers, **headers}, body, _ANSWER_TIMEOUT)
                return connection
        except FAULTS:
            pass
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def stream(self, path: str, last_id: str = "", *, waits: bool = True, wakes: bool = True) -> EventStream:
        """A long answer on a connection of its own. waits: until it has begun; else `begun` is called. wakes: `close` ends a read
        of it at once. Raises FAULTS or FaasError."""
        self._look_for_fork()
        headers = dict(self._headers)
        if last_id:
            headers["Last-Event-ID"] = last_id
        stream = EventStream(self.address, path, headers, _CONNECT_TIMEOUT, wakes)
        try:
            while waits and not stream.begin(_CONNECT_TIMEOUT):
                pass
            if waits:
                self.begun(stream)
        except BaseException:
            stream.close()
            raise
        with self._lock:
            self._streams.add(stream)
        return stream

    def begun(self, stream: EventStream) -> None:
        """Its answer has come. Raises FaasError where that is a refusal, or no stream."""
        if stream.answer is not None:
            raise refusals.refusal(self.address, stream.answer, "GET", stream.path)
        self._reached = True

    @property
    def is_closed(self) -> bool:
        """Has `close` been called? Whoever reads a stream ends then."""
        return self._closing.is_set()

    def reopening(self) -> "Reopening":
        """For whoever follows a stream over cuts."""
        self._look_for_fork()
        return Reopening(self, self._patience, self._closing)

    def unreachable(self, fault: Optional[BaseException], waited: float) -> errors.ServiceUnreachable:
        """The sentence for whoever finds nobody there, after so many seconds."""
        return fault if isinstance(fault, errors.ServiceUnreachable) else refusals.unreachable(self.address, fault, waited)

    def close(self) -> None:
        """Ends pauses between retries, streams and answers that may take long, closes what is idle."""
        self._look_for_fork()
        self._closing.set()
        with self._lock:
            streams = list(self._streams)
            for connection in self._waiting:
                connection.cut()
        for stream in streams:
            stream.wake()
        while self._idle:
            self._idle.pop().close()

    def _look_for_fork(self) -> None:
        if self._pid == os.getpid():
            return
        # A fork shares the sockets of its parent: it must neither speak on them nor wake whoever reads them. These are copies,
        # whose end the parent does not see. And nobody here lets go of the parent's locks.
        while self._idle:
            self._idle.pop().close()
        was_closed, self._closing = self.is_closed, threading.Event()
        if was_closed:
            self._closing.set()
        self._streams, self._waiting, self._lock = weakref.WeakSet(), set(), threading.Lock()
        self._pid = os.getpid()

    def _connection(self, longest: float) -> Connection:
        self._look_for_fork()
        while True:
            connection = self._popped()
            if connection is None:
                return Connection(self.address, min(_CONNECT_TIMEOUT, longest))
            if not connection.is_stale():
                return connection
            connection.close()

    def _popped(self) -> Optional[Connection]:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _keep(self, connection: Connection) -> None:
        if connection.is_open and len(self._idle) < _KEPT_CONNECTIONS and not self._closing.is_set():
            self._idle.append(connection)
        else:
            connection.close()


class Reopening:
    """A stream that broke is opened again, with pauses, for as long as the transport is patient."""

    def __init__(self, transport: Transport, patience: float, closing: threading.Event) -> None:
        self._transport = transport
        self._patience = patience
        self._closing = closing
        self.went_well()

    def went_well(self) -> None:
        """Something has come."""
        self._tries = 0
        self._contact = time.monotonic()
        self._told = True

    def was_there(self) -> None:
        """A stream that had begun is over. Where it told anything, what is waited for begins now, however long it was silent since;
        one that tells nothing, time and again, is as good as none."""
        if self._told:
            self._contact = time.monotonic()
        self._told = False

    def pause(self, error: BaseException) -> None:
        """Before the next try; as `next`."""
        self.wait(self.next(error))

    def next(self, error: BaseException) -> float:
        """In how many seconds the next try is due. Raises ServiceUnreachable where it has been tried for long enough, the refusal
        itself where it is one for good."""
        if isinstance(error, errors.FaasError) and not _may_pass(error):
            raise error
        self._tries += 1
        pause = backoff.pause(self._tries, getattr(error, "retry_after", 0.0))
        waited = time.monotonic() - self._contact
        if waited + pause > self._patience:
            raise error if isinstance(error, errors.FaasError) else self._transport.unreachable(error, waited)
        return pause

    def wait(self, seconds: float) -> None:
        """So long, or until the transport is closed."""
        self._closing.wait(seconds)


def _may_pass(refusal: errors.FaasError) -> bool:
    """Is it worth another try?"""
    return isinstance(refusal, (errors.ServiceUnreachable, *errors.NO_ROOM)) or getattr(refusal, "code", "") in _AGAIN


def _is_undone(refusal: errors.FaasError) -> bool:
    """Is it certain that nothing was done?"""
    return isinstance(refusal, errors.NO_ROOM) or getattr(refusal, "code", "") in _NOT_BEGUN


def quoted(part: str) -> str:
    """An id or a name as a part of a path. Raises ValueError for an empty one."""
    if not part:
        raise ValueError("the id is empty")  # without one the path is that of the list
    return _encoded(part, lambda: urllib.parse.quote(part, safe="@"))


def with_query(path: str, query: Optional[Mapping[str, Any]]) -> str:
    """The path with what is not None of the query."""
    named = [(name, value) for name, value in (query or {}).items() if value is not None]
    if not named:
        return path
    plain = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in named]
    return path + "?" + _encoded(dict(plain), lambda: urllib.parse.urlencode(plain, doseq=True))


def _encoded(what: Any, encode: Callable[[], str]) -> str:
    """Raises ValueError, which tells what it is about, where half a character stands alone (a surrogate)."""
    try:
        return encode()
    except UnicodeEncodeError:
        raise ValueError("%r has a lone surrogate, which is no character and cannot be sent" % (what,)) from None
