"""What calls print, as they print it."""
import collections
import logging
import sys
import threading
import time
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional

from .connection import FAULTS
from .errors import FaasError, ServiceUnreachable
from .monitor import Monitor
from .transport import Transport, quoted

_log = logging.getLogger("mpcsfaas")
# Calls that are followed at a time; the next ones are shown when one of these has ended.
_FOLLOWERS = 8
# Where nothing more has come for so long of tasks that have all ended, the rest is not waited for, seconds.
_QUIET = 10.0


def follow(transport: Transport, task_id: str) -> Iterator[Dict[str, Any]]:
    """{attempt, stream, offset, text} as the task prints, until it has ended. Over a cut connection it goes on where it was.

    Raises FaasError where the task is not known, or nobody answers; ValueError where the id is empty.
    """
    return _pieces(transport, "/v1/tasks/%s/logs?follow=true" % quoted(task_id))


def _pieces(transport: Transport, path: str) -> Iterator[Dict[str, Any]]:
    # How far each stream was told, in bytes. A new connection begins at the beginning: what those before it told is left out.
    # One connection repeats nothing, and what it tells is not weighed against itself: bytes that are no UTF-8 are longer in a
    # text than in their stream.
    told: Dict[Any, int] = {}
    reopening = transport.reopening()
    while not transport.is_closed:
        before = dict(told)
        try:
            stream = transport.stream(path)
            try:
                is_open = True
                while is_open and not transport.is_closed:
                    is_open, events = stream.heard()
                    if is_open:
                        reopening.went_well()
                    for kind, data, _ in events:
                        if kind == "end":
                            return
                        if kind != "log":
                            continue
                        place, raw = (data["attempt"], data["stream"]), data["text"].encode()
                        known = max(0, before.get(place, 0) - data["offset"])
                        if known >= len(raw):
                            continue
                        told[place] = data["offset"] + len(raw)
                        if known:
                            data = {**data, "offset": data["offset"] + known, "text": raw[known:].decode(errors="replace")}
                        yield data
            finally:
                stream.close()
            reopening.pause(ConnectionResetError("the stream ended"))
        except (*FAULTS, FaasError) as error:
            reopening.pause(error)


class Shown:
    """Prints at the caller what tasks print, in whole lines, each to the stream that it was printed to."""

    def __init__(self, transport: Transport, name: str, ended: Callable[[], None] = lambda: None) -> None:
        """ended: called where a thread has nothing more to do."""
        self._transport = transport
        self._name = name
        self._ended = ended
        self._changed = Monitor()
        self._tasks: Deque[str] = collections.deque()
        self._threads: List[threading.Thread] = []
        self._moved_at = 0.0
        self._closed = False
        self._printing = threading.Lock()
        # The caller's streams that take nothing any more, by name: a broken pipe, a closed file.
        self._broken: Dict[str, Any] = {}

    def add(self, task_ids: List[str]) -> None:
        """Shows these too."""
        with self._changed:
            self._tasks.extend(task_ids)
            self._changed.notify_all()
            for number in range(len(self._threads), min(_FOLLOWERS, len(self._threads) + len(task_ids))):
                thread = threading.Thread(target=self._run, name="%s-logs-%d" % (self._name, number), daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """The threads end when everything has been shown. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return bool(self._threads)

    def join(self) -> None:
        """After `close`, when all tasks have ended: waits until everything has been shown, for as long as something comes."""
        self._moved_at = time.monotonic()
        threads = [one for one in self._threads if one is not threading.current_thread()]
        if self._changed.wait_for(lambda: not self._threads or time.monotonic() - self._moved_at > _QUIET):
            with self._changed:
                self._tasks.clear()
            for thread in threads:
                thread.join(0.0 if self._threads else None)

    def _next(self) -> Optional[str]:
        """The task that is shown next, None where the thread is to end."""
        while True:
            self._changed.wait_for(lambda: bool(self._tasks) or self._closed)
            with self._changed:
                if self._tasks:
                    return self._tasks.popleft()
                if self._closed:
                    self._threads.remove(threading.current_thread())
                    self._changed.notify_all()
                    return None

    def _run(self) -> None:
        while True:
            task_id = self._next()
            if task_id is None:
                break
            try:
                self._show(task_id)
            except Exception:
                # Whatever it is: a thread that ended here would be waited for, and no later call be shown.
                _log.exception("the output of task %s cannot be shown", task_id)
        self._ended()

    def _show(self, task_id: str) -> None:
        open_: Dict[str, str] = {}
        if not self._is_watched():
            return
        try:
            for piece in follow(self._transport, task_id):
                self._moved_at = time.monotonic()
                if not self._is_watched():
                    return
                stream = piece["stream"]
                lines, line_end, rest = (open_.get(stream, "") + piece["text"]).rpartition("\n")
                open_[stream] = rest
                self._print(stream, lines + line_end)
            self._moved_at = time.monotonic()
        except ServiceUnreachable as error:
            # Nobody is there: the others are not waited for one by one.
            with self._changed:
                others = len(self._tasks)
                self._tasks.clear()
            also = " and of %d others" % others if others else ""
            self._print("stderr", "(the output of task %s%s cannot be shown: %s)\n" % (task_id, also, error))
        except FaasError as error:
            self._print("stderr", "(the output of task %s cannot be shown: %s)\n" % (task_id, error))
        for stream, rest in open_.items():
            self._print(stream, rest and rest + "\n")

    def _is_watched(self) -> bool:
        """Does the caller have a stream that takes something?"""
        return any(self._target(stream) is not None for stream in ("stdout", "stderr"))

    def _target(self, stream: str) -> Any:
        """The caller's stream of that name, None where it takes nothing."""
        target = sys.stderr if stream == "stderr" else sys.stdout
        return None if target is self._broken.get(stream) else target

    def _print(self, stream: str, text: str) -> None:
        with self._printing:
            target = self._target(stream)
            if not text or target is None:
                return
            try:
                _write(target, text)
            except BlockingIOError:
                pass  # it takes nothing at the moment
            except Exception:
                # Nobody reads there any more: that ends what is shown there, and harms nothing else.
                self._broken[stream] = target


def _write(target: Any, text: str) -> None:
    try:
        target.write(text)
    except UnicodeEncodeError:
        target.write(text.encode(target.encoding, "replace").decode(target.encoding))
    target.flush()
