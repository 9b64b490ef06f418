"""A progress bar on stderr, of a terminal or a notebook: tqdm's where that is installed, a small one of our own otherwise, none
where nobody watches."""
import os
import sys
import time
from typing import Any, Generator, Iterable, Optional, TypeVar

T = TypeVar("T")
_WIDTH = 30
# Seconds between two drawings.
_PAUSE = 0.1


def shown(results: Iterable[T], total: Optional[int], label: str) -> "Generator[T, None, None]":
    """The same results; the bar moves with each. total: None where nobody knows it yet."""
    if not (_is_notebook() or (sys.stderr is not None and sys.stderr.isatty())):
        yield from results
        return
    bar, pid = _bar(total, label), os.getpid()
    try:
        for result in results:
            bar.update(1)
            yield result
    finally:
        # In a fork it is the parent's, which draws on.
        if pid == os.getpid():
            bar.close()


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
    return tqdm(total=total, desc=label, file=sys.stderr)


class Bar:
    """`label  ██████░░░░  60/100  12.3 s`"""

    def __init__(self, total: Optional[int], label: str, stream: Any = None) -> None:
        self._total = total
        self._label = label
        self._stream = stream or sys.stderr
        self._done = 0
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
        count = str(self._done)
        if self._total is not None:
            full = _WIDTH * self._done // max(1, self._total)
            count = "%s%s  %d/%d" % ("█" * full, "░" * (_WIDTH - full), self._done, self._total)
        self._stream.write("\r%s  %s  %.1f s" % (self._label, count, time.monotonic() - self._began))
        self._stream.flush()
