"""Says once where calls wait and nobody is there to run them: whoever waits for their values would see nothing at all."""
import logging
import math
import time
import warnings
from typing import Any, Collection, Dict, Optional

from .errors import FaasError, NoWorkerWarning
from .transport import Transport

_log = logging.getLogger("mpcsfaas")
# The service is asked when nothing has ended for so long, seconds.
_LONG = 5.0
# Newest of the calls that wait: what keeps them says the service of each.
_SOME = 100
_NOBODY = ("no_worker", "no_worker_with_runtime")


class Unserved:
    """Belongs to the thread that brings results. The service is asked once a silence, and never again after it was said."""

    def __init__(self, transport: Transport, group: str) -> None:
        """group: of the calls."""
        self._transport = transport
        self._group = group
        self._is_asked = self._is_said = False
        self._since = time.monotonic()

    def begin(self, outstanding: Collection[str]) -> None:
        """More is waited for than these, from any thread: where they are none, it is so from now on."""
        if not outstanding:
            self.moved()

    def moved(self) -> None:
        """Something has ended."""
        self._since, self._is_asked = time.monotonic(), False

    def due_in(self) -> float:
        """When `look` is to be called again at the latest, seconds."""
        return math.inf if self._is_asked or self._is_said else max(0.0, self._since + _LONG - time.monotonic())

    def look(self, outstanding: Collection[str]) -> None:
        """Asks where that is due. outstanding: ids of what is waited for. Raises nothing."""
        self.begin(outstanding)
        if self.due_in() > 0:
            return
        self._is_asked = True
        try:
            sentence = self._sentence(outstanding)
        except (FaasError, LookupError, TypeError):
            return  # also where something else answers
        if sentence is not None:
            self._is_said = True
            try:
                warnings.warn(sentence, NoWorkerWarning, stacklevel=2)
            except NoWorkerWarning:
                # Warnings are errors here (`python -W error`): one in this thread would fail all calls.
                _log.warning("%s", sentence)

    def _sentence(self, outstanding: Collection[str]) -> Optional[str]:
        waiting = self._get("/v1/tasks", {"group": self._group, "status": "QUEUED", "limit": _SOME})["items"]
        kept = [task for task in waiting if task["task_id"] in outstanding and task["waits"] and task["waits"]["reason"] in _NOBODY]
        if not kept:
            return None
        where = [one for one in self._get("/v1/workers", {})["dispatchers"] if one["address"]]
        command = "mpcsfaas worker %s %s" % (where[0]["mode"], where[0]["address"]) if where else "mpcsfaas up"
        command += "".join([" --label " + label for label in kept[0]["options"]["labels"]])
        waits = kept[0]["waits"]
        url = self._transport.address.url
        if waits["reason"] == "no_worker":
            return "Calls wait at %s, and no worker is there to run them: start one with `%s`." % (url, command)
        return "Calls wait at %s, and no worker there can run them. %s `%s` starts one." % (url, waits["detail"], command)

    def _get(self, path: str, query: Dict[str, Any]) -> Any:
        # Once, and not for long: results are not brought meanwhile.
        return self._transport.call("GET", path, query=query, until=time.monotonic())
