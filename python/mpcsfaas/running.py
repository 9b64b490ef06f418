"""The tasks of a group that run, followed at the same time by one thread: none but those can print."""
import time
from typing import Callable, Dict, List, Optional, Tuple

from .connection import readable
from .errors import FaasError, ServiceUnreachable
from .logs import Tail
from .printed import Lines, Printer
from .transport import Transport

# Tasks that are followed at a time, each on a connection of its own: open files are few on some systems. What others print
# that run at the same time is shown when one of these has ended, or they have themselves.
_MOST = 128
# How often it is looked for tasks that have begun to run, seconds; and more seldom in a large group, whose tasks the service reads
# some thousands at a time: so long for each answer that it needs.
_LOOK = 0.5
_FOR_AN_ANSWER = 0.2
# For the answer to a look, seconds: what runs is shown meanwhile no further.
_TIMEOUT = 2.0
_PAGE = 1000


class Running:
    """Belongs to the thread that reads it."""

    def __init__(self, transport: Transport, group: str, printer: Printer) -> None:
        self._transport = transport
        self._group = group
        self._printer = printer
        self._tails: Dict[str, Tuple[Tail, Lines]] = {}
        self._has_more = False
        self._look_at = 0.0

    @property
    def count(self) -> int:
        """How many tasks are followed."""
        return len(self._tails)

    def look(self, is_wanted: Callable[[str], bool]) -> None:
        """Where it is time for that: follows those that have begun to run and, asked once each, are wanted."""
        if self.look_in() > 0:
            return
        pause = _TIMEOUT
        try:
            found, answers = self._found(time.monotonic() + _TIMEOUT)
            pause = max(_LOOK, _FOR_AN_ANSWER * answers)
            for task_id in found:
                if len(self._tails) >= _MOST:
                    break
                if is_wanted(task_id):
                    self._tails[task_id] = Tail(self._transport, task_id, wakes=False), Lines(self._printer)
        except FaasError:
            pass  # others tell that nobody answers
        self.rest(pause)

    def _found(self, until: float) -> Tuple[List[str], int]:
        """The ids of those that run, oldest first, and how many answers told them. until: see Transport.send. Raises FaasError."""
        found: List[str] = []
        answers = 0
        cursor: Optional[str] = None
        while cursor != "":
            query = {"group": self._group, "status": "RUNNING", "limit": _PAGE, "cursor": cursor}
            page = self._transport.call("GET", "/v1/tasks", query=query, until=until)
            found.extend([item["task_id"] for item in page["items"]])
            answers, cursor = answers + 1, page["next_cursor"]
        return found[::-1], answers

    def rest(self, seconds: float) -> None:
        """No look for so long."""
        self._look_at = time.monotonic() + seconds

    def look_in(self) -> float:
        """In how many seconds it is time for a look."""
        return max(0.0, self._look_at - time.monotonic())

    def show(self, seconds: float) -> bool:
        """What has come, or comes within so many. True where something has, or one has ended. Raises ServiceUnreachable where
        nobody answers any more: then all of them are let go of."""
        sockets = [tail.socket for tail, _ in self._tails.values() if tail.socket is not None]
        if sockets:
            readable(sockets, 0.0 if self._has_more else seconds)
        else:
            time.sleep(seconds)  # they are to be connected again
        self._has_more = False
        has_moved = False
        for task_id, (tail, lines) in list(self._tails.items()):
            try:
                pieces = tail.read(0.0)
                is_over = tail.is_over
            except ServiceUnreachable:
                self.close()
                raise
            except FaasError as error:
                self._printer.say("stderr", "(the output of task %s cannot be shown: %s)\n" % (task_id, error))
                pieces, is_over = [], True
            for piece in pieces:
                lines.add(piece)
            # Perhaps not all that has come was read.
            self._has_more = self._has_more or bool(pieces)
            if is_over or not self._printer.is_watched():
                tail.close()
                lines.close()
                del self._tails[task_id]
            has_moved = has_moved or is_over or bool(pieces)
        return has_moved

    def close(self) -> None:
        """Nobody is followed any more. Idempotent."""
        for tail, lines in self._tails.values():
            tail.close()
            lines.close()
        self._tails.clear()
