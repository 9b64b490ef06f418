"""How far a map is, on a bar on stderr, of a terminal or a notebook: tqdm's where that is installed, a small one of our own
otherwise, none where nobody watches."""
import collections
import functools
import os
import sys
import time
from typing import Any, Callable, Deque, Generator, Iterator, Optional, TypeVar

from .chunks import Counted
from .futures import TaskFuture

T = TypeVar("T")
_WIDTH = 30
# A shorter bar, or less of a label, says nothing.
_NARROWEST = 5
_SHORTEST = 4
# Where nobody says how wide it is.
_COLUMNS = 80
# Seconds between two drawings.
_PAUSE = 0.1


def of_map(label: str, is_wanted: bool) -> "Unseen":
    """What shows how far a map is."""
    return Progress(label) if is_wanted and _is_watched() else Unseen()


class Unseen:
    """Nobody watches."""

    # Called again and again by whoever waits for a value.
    look: Optional[Callable[[], None]] = None

    def expecting(self, futures: "Iterator[TaskFuture[T]]", calls: Counted) -> "Iterator[TaskFuture[T]]":
        """The same, each of them counted when it ends, with as many calls as were handed out for it."""
        return futures

    def shown(self, values: "Generator[T, None, None]", total: Optional[int]) -> "Generator[T, None, None]":
        """The same, with a bar from the first that is read to the last. total: None where nobody knows it yet."""
        return values

    def stop(self) -> None:
        """What ends from now on is not counted: it is given up. Idempotent."""


class Progress(Unseen):
    """A bar, which only whoever reads the values moves: nobody else is held up by a terminal that is slow."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._pid = os.getpid()
        self._bar: Any = None
        self._is_over = False
        # Calls whose ends nobody has counted yet; from any thread, and without a lock that Ctrl-C could leave held.
        self._ends: Deque[int] = collections.deque()
        self._ended = self._read = self._drawn = 0
        self.look = self._look

    def expecting(self, futures: "Iterator[TaskFuture[T]]", calls: Counted) -> "Iterator[TaskFuture[T]]":
        before = calls.count
        for future in futures:
            future._at_end(functools.partial(self._count, calls.count - before))
            before = calls.count
            yield future

    def _count(self, calls: int, _: "TaskFuture[Any]") -> None:
        self._ends.append(calls)

    def shown(self, values: "Generator[T, None, None]", total: Optional[int]) -> "Generator[T, None, None]":
        self._bar = _bar(total, self._label)
        try:
            for value in values:
                self._read += 1
                self._look()
                yield value
        finally:
            self.stop()
            # In a fork it is the parent's, which draws on.
            if self._pid == os.getpid():
                self._bar.close()

    def stop(self) -> None:
        self._look()
        self._is_over = True

    def _look(self) -> None:
        if self._bar is None or self._is_over or self._pid != os.getpid():
            return
        while self._ends:
            self._ended += self._ends.popleft()
        # A value may be read a moment before its end is counted.
        done = max(self._ended, self._read)
        self._bar.update(done - self._drawn)
        self._drawn = done


def _is_watched() -> bool:
    return _is_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _is_notebook() -> bool:
    """Its stderr is no terminal, and is watched all the same."""
    return "ipykernel" in sys.modules


def _bar(total: Optional[int], label: str) -> Any:
    try:
        if _is_notebook():
            from tqdm.auto import tqdm
        else:
            from tqdm import tqdm
    except ImportError:
        return Bar(total, label)
    # However many have ended at once before: each that ends is seen.
    return tqdm(total=total, desc=label, file=sys.stderr, miniters=1)


class Bar:
    """`label  ██████░░░░  60/100  12.3 s`"""

    def __init__(self, total: Optional[int], label: str, stream: Any = None) -> None:
        self._total = total
        self._label = label
        self._stream = stream or sys.stderr
        self._done = 0
        # How long the line was that stands there.
        self._last = 0
        self._began = self._drawn = time.monotonic()
        self._draw()

    def update(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        now = time.monotonic()
        if self._done == self._total or now - self._drawn >= _PAUSE:
            self._drawn = now
            self._draw()

    def close(self) -> None:
        """Leaves the last state standing."""
        self._draw()
        self._stream.write("\n")
        self._stream.flush()

    def _draw(self) -> None:
        self._stream.write("\r" + self._line(_columns(self._stream)))
        self._stream.flush()

    def _line(self, columns: int) -> str:
        """Padded over what stood there. The last column stays free: some terminals go on in the next row once it is full."""
        took = "%.1f s" % (time.monotonic() - self._began)
        count = str(self._done) if self._total is None else "%d/%d" % (self._done, self._total)
        room = max(0, columns - 1)
        told = "%s  %s" % (count, took)
        # The label is cut first, then the bar, so that the numbers are the last to go.
        width = 0 if self._total is None else min(_WIDTH, room - len(told) - 2)
        if self._total is not None and width >= _NARROWEST:
            full = width * self._done // max(1, self._total)
            told = "%s%s  %s" % ("█" * full, "░" * (width - full), told)
        label = _cut(self._label, room - len(told) - 2)
        line = (label and label + "  ") + told
        line, self._last = line[:room].ljust(min(room, self._last)), len(line)
        return line


def _cut(label: str, room: int) -> str:
    """At most so many columns of it; '' where it would say nothing."""
    if len(label) <= room:
        return label
    return label[: room - 1] + "…" if room >= _SHORTEST else ""


def _columns(stream: Any) -> int:
    """Of the terminal, which may be made wider or narrower at any moment; as usual where it is none, or does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (AttributeError, OSError, ValueError):
        return _COLUMNS
