"""Which versions are here, and whether a worker runs the Python that pickled a function."""
import sys
import threading
import time
from typing import Any, Dict, List, Optional

import dill

from .errors import VersionMismatch

__version__ = "0.1.0"

PYTHON = "%d.%d" % sys.version_info[:2]
DILL = str(dill.__version__)

# How long an answer about the fleet is believed, seconds.
_FRESH = 10.0


class Fleet:
    """The Python versions of the live workers, asked for at most every ten seconds."""

    def __init__(self, workers: Any) -> None:
        """workers: a callable that answers the body of /v1/workers."""
        self._workers = workers
        self._lock = threading.Lock()
        self._pythons: List[str] = []
        self._until = 0.0

    def renew_lock(self) -> None:
        """See Registry.renew_locks."""
        self._lock = threading.Lock()

    def check(self, name: str, python: str = PYTHON) -> None:
        """Raises VersionMismatch where there are workers for Python and none of them runs `python` ('3.11')."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._pythons = pythons_of(self._workers())
                self._until = time.monotonic() + _FRESH
            there = self._pythons
        problem = mismatch(name, python, there)
        if problem is not None:
            # A worker of the right version may come at any moment.
            self._until = 0.0
            raise VersionMismatch(problem)


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


def mismatch(name: str, python: str, there: List[str]) -> Optional[str]:
    """The sentence that says so, or None. Without a worker nothing is known: one may come."""
    if not there or any(version.split()[0] == python or version.startswith(python + ".") for version in there):
        return None
    return (
        "`%s` was pickled by Python %s (dill %s) and every live worker runs Python %s: pickled code runs only on the minor "
        "version that made it. Start a worker with --python python%s, or run this program with python%s."
        % (name, python, DILL, " or ".join(there), python, ".".join(there[0].split(".")[:2]))
    )
