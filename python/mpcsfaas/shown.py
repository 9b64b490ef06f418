"""What the calls of an executor print, shown here: of those that run as they print it, of all others when they have ended."""
import collections
import logging
import threading
import time
from typing import Any, Callable, Deque, Dict, List, Sequence

from .errors import FaasError, ServiceUnreachable
from .futures import TaskFuture
from .logs import follow
from .monitor import Monitor
from .printed import Lines, Printer
from .running import Running
from .transport import Transport

_log = logging.getLogger("mpcsfaas")
# Threads that read what those have printed that ended before they were followed.
_READERS = 8
# A look at what runs is due so long after the first call, seconds: most have ended by then.
_FIRST = 0.2
_LONGEST = 0.5
# Where nothing more has come for so long of tasks that have all ended, the rest is not waited for, seconds.
_QUIET = 10.0
# A thread that has nothing to show ends after so many seconds; another one is started when it is needed.
_IDLE = 30.0


class Shown:
    """Each task is in one place: among those that wait, those that are followed, or those that have ended and are to be read."""

    def __init__(self, transport: Transport, group: str, name: str, ended: Callable[[], None] = lambda: None) -> None:
        """group: of all the tasks. ended: called where a thread has nothing more to do."""
        self._transport = transport
        self._name = name
        self._ended = ended
        self._printer = Printer()
        self._running = Running(transport, group, self._printer)
        self._changed = Monitor()
        self._waiting: Dict[str, "TaskFuture[Any]"] = {}
        self._unread: Deque[str] = collections.deque()
        self._follower: List[threading.Thread] = []
        self._readers: List[threading.Thread] = []
        self._busy = 0
        self._moved_at = 0.0
        self._closed = False

    def add(self, futures: "Sequence[TaskFuture[Any]]") -> None:
        """Shows these too; they have their ids."""
        with self._changed:
            self._waiting.update({future.task_id: future for future in futures})
            if futures and not self._follower:
                self._start(self._follower, self._follow, "-logs")
            self._changed.notify_all()
        for future in futures:
            future._at_end(self._has_ended)

    def close(self) -> None:
        """The threads end when everything has been shown. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return bool(self._follower or self._readers)

    def join(self) -> None:
        """After `close`, when all tasks have ended: waits until everything has been shown, for as long as something comes."""
        self._moved_at = time.monotonic()
        threads = [one for one in (*self._follower, *self._readers) if one is not threading.current_thread()]
        if self._changed.wait_for(lambda: not self.is_running() or time.monotonic() - self._moved_at > _QUIET):
            with self._changed:
                self._unread.clear()
            for thread in threads:
                thread.join(0.0 if self.is_running() else None)

    def _start(self, threads: List[threading.Thread], run: Callable[[], None], name: str) -> None:
        """From whoever holds the lock."""
        thread = threading.Thread(target=self._until_over, args=(threads, run), name=self._name + name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # At the end of a program none can be started.
            _log.warning("what calls print cannot be shown: %s", error)
            return
        threads.append(thread)

    def _until_over(self, threads: List[threading.Thread], run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:
            # Nobody may wait for a thread that has ended.
            _log.exception("what calls print cannot be shown")
        with self._changed:
            if threading.current_thread() in threads:
                threads.remove(threading.current_thread())
            self._changed.notify_all()
        self._ended()

    def _has_ended(self, future: "TaskFuture[Any]") -> None:
        with self._changed:
            if self._waiting.pop(future.task_id, None) is None:
                return  # it is followed
            self._unread.append(future.task_id)
            if len(self._unread) > len(self._readers) - self._busy and len(self._readers) < _READERS:
                self._start(self._readers, self._read, "-logs-%d" % len(self._readers))
            self._changed.notify_all()

    # Of the thread that follows those that run.

    def _follow(self) -> None:
        is_left = False
        try:
            while not self._transport.is_closed:
                is_idle = False
                if not self._waiting and not self._running.count:
                    is_idle = not self._changed.wait_for(lambda: bool(self._waiting) or self._closed, _IDLE)
                    self._running.rest(_FIRST)
                with self._changed:
                    if not self._waiting and not self._running.count and (self._closed or is_idle):
                        self._follower.remove(threading.current_thread())
                        is_left = True
                        return
                self._follow_on()
        finally:
            # It may be another thread's by now.
            if not is_left:
                self._running.close()

    def _follow_on(self) -> None:
        """For a moment."""
        if self._waiting:
            self._running.look(self._take)
        seconds = min(_LONGEST, self._running.look_in()) if self._waiting else _LONGEST
        if not self._running.count:
            self._changed.wait_for(lambda: self._closed and not self._waiting, seconds)
            return
        count = self._running.count
        try:
            if self._running.show(seconds):
                self._moved_at = time.monotonic()
        except ServiceUnreachable as error:
            self._printer.say("stderr", "(the output of %d tasks cannot be shown: %s)\n" % (count, error))

    def _take(self, task_id: str) -> bool:
        """Is it one that waits? Then it is followed from now on."""
        with self._changed:
            return self._waiting.pop(task_id, None) is not None

    # Of the threads that read what those printed that have ended.

    def _read(self) -> None:
        while True:
            self._changed.wait_for(lambda: bool(self._unread) or self._closed, _IDLE)
            with self._changed:
                if not self._unread:
                    self._readers.remove(threading.current_thread())
                    return
                task_id = self._unread.popleft()
                self._busy += 1
            try:
                self._show(task_id)
            except Exception:
                # Whatever it is: no later call would be shown.
                _log.exception("the output of task %s cannot be shown", task_id)
            finally:
                with self._changed:
                    self._busy -= 1

    def _show(self, task_id: str) -> None:
        lines = Lines(self._printer)
        try:
            for piece in follow(self._transport, task_id) if self._printer.is_watched() else ():
                self._moved_at = time.monotonic()
                lines.add(piece)
            self._moved_at = time.monotonic()
        except ServiceUnreachable as error:
            # Nobody is there: the others are not waited for one by one.
            with self._changed:
                others = len(self._unread)
                self._unread.clear()
            also = " and of %d others" % others if others else ""
            self._printer.say("stderr", "(the output of task %s%s cannot be shown: %s)\n" % (task_id, also, error))
        except FaasError as error:
            self._printer.say("stderr", "(the output of task %s cannot be shown: %s)\n" % (task_id, error))
        lines.close()
