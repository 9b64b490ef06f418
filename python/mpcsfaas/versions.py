"""Which versions are here, and whether a worker runs the Python that pickled a function."""
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Set

import dill

from .errors import VersionMismatch
from .turns import Turns

__version__ = "0.1.0"

PYTHON = "%d.%d" % sys.version_info[:2]
DILL = str(dill.__version__)

# How long an answer about the fleet is believed, seconds.
_FRESH = 10.0


class Fleet:
    """The Python versions of the live workers, as they were told at most every ten seconds."""

    def __init__(self, workers: Callable[[Optional[float]], Dict[str, Any]], looks_again: bool = False) -> None:
        """workers: answers the body of /v1/workers; it is given until when to ask, of time.monotonic(). looks_again: somebody calls
        `look_again` after what relied on the answer; until then `check` believes it, however old it is."""
        self._workers = workers
        self._looks_again = looks_again
        self._pythons: List[str] = []
        self._until = 0.0
        # Which versions the last answer was found to fit, and whether that was relied on since.
        self._fitting: Set[str] = set()
        self._is_used = False
        self.renew_locks()

    def renew_locks(self) -> None:
        """See Registry.renew_locks."""
        self._lock = threading.Lock()
        self._turns: Turns[str] = Turns()

    def check(self, what: str, python: str = PYTHON, until: Optional[float] = None) -> None:
        """Raises VersionMismatch where there are workers for Python and none of them runs `python` ('3.11'). what: was pickled.
        until: see Registry.id_of."""
        if python in self._fitting and (self._looks_again or not self._is_due()):
            self._is_used = True
            return
        self._turns.done("workers", lambda: not self._is_due(), lambda: self._ask(until), until)
        with self._lock:
            problem = mismatch(what, python, self._pythons)
            if problem is None:
                self._fitting.add(python)
                return
            # A worker of the right version may come at any moment.
            self._until = 0.0
        raise VersionMismatch(problem)

    def look_again(self, until: float) -> Optional[str]:
        """Asks anew where an old answer was relied on; the sentence that says so where it does not hold any more. Where asking fails,
        what is known stays."""
        if not self._is_used or not self._is_due():
            return None
        self._is_used = False
        try:
            self._ask(until)
        except Exception:
            self._until = time.monotonic() + _FRESH
            return None
        problem = mismatch("what was submitted", PYTHON, self._pythons)
        if problem is not None:
            # Whoever is to be refused is refused by an answer of that moment; also one that was checked before this answer came, and is
            # accepted after it.
            self._until = 0.0
            self._is_used = True
        return problem

    def _is_due(self) -> bool:
        return time.monotonic() >= self._until

    def _ask(self, until: Optional[float]) -> None:
        found = pythons_of(self._workers(until))
        with self._lock:
            self._pythons = found
            # Nobody has to ask for what is known.
            self._fitting = {python for python in self._fitting if mismatch("", python, found) is None}
            self._until = time.monotonic() + _FRESH


def pythons_of(fleet: Dict[str, Any]) -> List[str]:
    """The Python versions that live workers run, each with its dill: '3.11.2 (dill 0.3.6)'."""
    found = {
        runtime["version"] + (" (dill %s)" % runtime["dill"] if runtime.get("dill") else "")
        for worker in fleet["items"]
        if worker["state"] != "lost"
        for runtime in worker["runtimes"]
        if runtime["runtime"] == "python" and runtime["broken"] is None
    }
    return sorted(found)


def mismatch(what: str, python: str, there: List[str]) -> Optional[str]:
    """The sentence that says so, or None. Without a worker nothing is known: one may come."""
    if not there or any(version.split()[0] == python or version.startswith(python + ".") for version in there):
        return None
    return (
        "%s was pickled by Python %s (dill %s) and every live worker runs Python %s: pickled code runs only on the minor "
        "version that made it. Start a worker with --python python%s, or run this program with python%s."
        % (what, python, DILL, " or ".join(there), python, ".".join(there[0].split(".")[:2]))
    )
