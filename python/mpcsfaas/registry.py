"""Functions at the service: registered once per content, checked against the Pythons that run there."""
import json
import os
import threading
import time
import weakref
from typing import Any, Dict, List, Optional, Tuple

from . import frames, options as options_, pickling
from .callables import name_of
from .recent import Recent
from .shipment import Shipment
from .transport import Transport
from .turns import Turns
from .versions import Fleet


# Of functions whose ids are remembered. One that is used again after so many others is registered again: the service knows
# its content, and answers the same id.
_MOST = 1000


class Registry:
    """Digest and name -> id, for one service and key. Thread-safe."""

    def __init__(self, transport: Transport, looks_again: bool = False) -> None:
        """looks_again: `look_again` is called after requests, and no check of what is known waits for the service."""
        self._transport = transport
        self._ids: Recent[Tuple[str, str], str] = Recent(_MOST)
        self._fleet = Fleet(self._workers, looks_again)
        self.renew_locks()
        _all.add(self)

    def _workers(self, until: Optional[float]) -> Dict[str, Any]:
        answer: Dict[str, Any] = self._transport.call("GET", "/v1/workers", until=until)
        return answer

    def renew_locks(self) -> None:
        """In a fork: another thread of the parent may have held them, and nobody lets go of them here."""
        self._lock = threading.Lock()
        self._turns: Turns[Tuple[str, str]] = Turns()
        self._fleet.renew_locks()

    def id_of(self, shipment: Shipment, until: Optional[float] = None) -> str:
        """Registers it where that has not been done, once for all threads that ask for it. Raises VersionMismatch where no live
        worker could run it; until: see Transport.send, and TimeoutError where another thread registers it then."""
        key = (shipment.digest, shipment.name)
        known = self._ids.get(key)
        if known is not None:
            self._check(shipment, until)
            return known
        ids: List[str] = []

        def is_known() -> bool:
            found = self._ids.get(key)
            ids.extend([] if found is None else [found])
            return bool(ids)

        def register() -> None:
            # The digest in the name: versions that come and go in turn stay what they are.
            name = "%s-%s" % (shipment.name, shipment.digest[:8])
            ids.append(str(self.register(shipment, name, {}, until=until)["function_id"]))
            self._ids.keep(key, ids[-1])

        self._turns.done(key, is_known, register, until)
        return ids[-1]

    def renewed(self, function_id: str, shipment: Shipment) -> str:
        """The service does not know it any more: registers it again, once for all that still name it."""
        key = (shipment.digest, shipment.name)
        with self._lock:
            if self._ids.get(key) == function_id:
                self._ids.forget(key)
        return self.id_of(shipment)

    def check_arguments(self, function: Any, data: bytes, until: Optional[float] = None) -> bool:
        """Is there byte code among these pickled arguments? Raises VersionMismatch where no live worker could run it."""
        holds_code = pickling.is_by_value(data)
        if holds_code:
            self._fleet.check("what `%s` is called with" % name_of(function), until=until)
        return holds_code

    def look_again(self) -> Optional[str]:
        """Whether the live workers are still those that were relied on: None, or what is wrong with them. Never raises; one try, that
        may not take long."""
        return self._fleet.look_again(time.monotonic())

    def _check(self, shipment: Shipment, until: Optional[float]) -> None:
        if shipment.python:
            self._fleet.check("`%s`" % shipment.name, shipment.python, until)

    def register(
        self, shipment: Shipment, name: str, options: Dict[str, Any], description: str = "", until: Optional[float] = None
    ) -> Dict[str, Any]:
        """The function as the service describes it."""
        self._check(shipment, until)
        options_.check(options, options_.LASTING)
        header: Dict[str, Any] = {
            "name": name,
            "runtime": "python",
            "payload": {"frame": 0},
            "python": shipment.python,
            "description": description,
            "pickler": shipment.pickler,
            "source_text": shipment.source,
            "options": options_.on_the_wire(options),
        }
        headers = {"Content-Type": frames.MEDIA_TYPE, "Accept": "application/json"}
        body = frames.encode(json.dumps(header).encode(), [shipment.code])
        answer = self._transport.send("POST", "/v1/functions", headers, body, until=until)
        return self._transport.read(answer, lambda content: dict(json.loads(content)))


_all: "weakref.WeakSet[Registry]" = weakref.WeakSet()


def _renew_locks() -> None:
    for registry in list(_all):
        registry.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
