"""What a map answers: its values one by one, and a way to leave it."""
import concurrent.futures
import itertools
import time
from typing import Any, Callable, Generator, Generic, Iterable, Iterator, List, Optional, TypeVar

from .errors import AWAY
from .futures import TaskFuture

T = TypeVar("T")
# How often whoever waits for a value looks at how far the others are, seconds.
_LOOK = 0.1


class Limit:
    """When a map is over. What fails later in a `with` of it, because the service is away, is the TimeoutError of the map."""

    def __init__(self, timeout: Optional[float]) -> None:
        """timeout: from now, seconds; None: it is never over. `until`: the same, of time.monotonic(). Raises TypeError for what is
        no number."""
        self._timeout = timeout
        try:
            self.until = None if timeout is None else time.monotonic() + timeout
        except TypeError:
            raise TypeError("the timeout of a map is a number of seconds, or None, not %r" % (timeout,)) from None

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, _: Any, error: Optional[BaseException], __: Any) -> None:
        if self.until is not None and isinstance(error, (*AWAY, TimeoutError)) and time.monotonic() >= self.until:
            words = "the map was not over within %s s, and its calls were not all sent" % self._timeout
            raise concurrent.futures.TimeoutError(words) from error


class Values(Generic[T]):
    """An iterator. `close` cancels the calls that have not ended; so does whoever begins to read and lets go of it. Those of a
    map that nobody reads go on, as in the standard executors."""

    def __init__(self, values: "Generator[T, None, None]", leave: Callable[[], None], check: Callable[[], None]) -> None:
        """leave: cancels what has not ended. check: raises NotHere where they cannot be read, as after a fork."""
        self._values = values
        self._leave = leave
        self._check = check
        self._is_begun = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        # Before anything moves: a fork has a copy of the map, whose calls and bar are those of the parent.
        self._check()
        self._is_begun = True
        return next(self._values)

    def close(self) -> None:
        """No more values. Idempotent."""
        self._values.close()
        self._leave()

    def close_half_read(self) -> None:
        """The program ends: closes it where it has been begun, and nobody is reading it now."""
        if self._is_begun:
            try:
                self.close()
            except ValueError:
                pass  # another thread is


def one_by_one(
    waiting: "List[TaskFuture[T]]",
    ahead: "Iterator[TaskFuture[T]]",
    until: Optional[float],
    leave: "Callable[[List[TaskFuture[T]]], None]",
    look: Optional[Callable[[], None]] = None,
) -> "Generator[T, None, None]":
    """The values of the futures that wait, each time one of those ahead joins them. until: when it is over, of
    time.monotonic(). leave: given those that nobody will read. look: called again and again while a value is waited for."""
    waiting.reverse()
    try:
        while waiting:
            waiting[:0] = itertools.islice(ahead, 1)
            # Nobody but the caller holds a value that was yielded, nor its future.
            yield _popped_result(waiting, until, look)
    finally:
        leave(waiting)


def _popped_result(waiting: "List[TaskFuture[Any]]", until: Optional[float], look: Optional[Callable[[], None]]) -> Any:
    future = waiting.pop()
    try:
        while look is not None and not future._ends_within(_pause(until)):
            look()
            if until is not None and time.monotonic() >= until:
                break
        return future.result(None if until is None else until - time.monotonic())
    except BaseException:
        waiting.append(future)  # it may have to be canceled
        raise
    finally:
        del future


def _pause(until: Optional[float]) -> float:
    return _LOOK if until is None else min(_LOOK, until - time.monotonic())


def flat(pieces: Iterable[List[T]]) -> "Generator[T, None, None]":
    """The values of lists of values."""
    for piece in pieces:
        yield from piece
