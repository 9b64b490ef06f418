"""What calls print, printed here: in whole lines, each to the stream that it was printed to."""
import sys
import threading
from typing import Any, Dict


class Printer:
    """The caller's stdout and stderr; from any thread."""

    def __init__(self) -> None:
        self._printing = threading.Lock()
        # The caller's streams that take nothing any more, by name: a broken pipe, a closed file.
        self._broken: Dict[str, Any] = {}

    def is_watched(self) -> bool:
        """Does the caller have a stream that takes something?"""
        return any(self._target(stream) is not None for stream in ("stdout", "stderr"))

    def _target(self, stream: str) -> Any:
        """The caller's stream of that name, None where it takes nothing."""
        target = sys.stderr if stream == "stderr" else sys.stdout
        return None if target is self._broken.get(stream) else target

    def say(self, stream: str, text: str) -> None:
        """Prints it. Raises nothing."""
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


def mark(stream: str, dropped_bytes: int) -> str:
    """What stands, on a line of its own, where output was not kept; the command line says the same."""
    return "… %d bytes of %s were not kept …" % (dropped_bytes, stream)


class Lines:
    """The output of one task, cut into pieces anywhere."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._open: Dict[str, str] = {}

    def add(self, piece: Dict[str, Any]) -> None:
        """The next one; see logs.follow. The line that it ends in waits for its rest."""
        stream = piece["stream"]
        if "dropped_bytes" in piece:
            # Between two pieces that do not meet there is no line: the open one ends with a mark.
            open_ = self._open.pop(stream, "")
            self._printer.say(stream, (open_ and open_ + "\n") + mark(stream, piece["dropped_bytes"]) + "\n")
        lines, line_end, rest = (self._open.get(stream, "") + piece["text"]).rpartition("\n")
        self._open[stream] = rest
        self._printer.say(stream, lines + line_end)

    def close(self) -> None:
        """No more comes."""
        for stream, rest in self._open.items():
            self._printer.say(stream, rest and rest + "\n")


def _write(target: Any, text: str) -> None:
    try:
        target.write(text)
    except UnicodeEncodeError:
        target.write(text.encode(target.encoding, "replace").decode(target.encoding))
    target.flush()
