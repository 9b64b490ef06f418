"""Ends of tasks as they happen."""
import itertools
from typing import Any, Dict, Iterator, Mapping

from .connection import FAULTS
from .errors import FaasError
from .events import Event
from .transport import Transport, with_query


def follow(transport: Transport, query: Mapping[str, Any], after: str) -> Iterator[Dict[str, Any]]:
    """See Client.events."""
    events = _events(transport, with_query("/v1/events", query), after)
    # A stream says first where it begins: what ends from now on is told, whenever it is read.
    first = list(itertools.islice(events, 1))
    return ({"event": kind, "id": place, **data} for kind, data, place in itertools.chain(first, events) if kind)


def _events(transport: Transport, path: str, after: str) -> Iterator[Event]:
    """Over cuts, until the transport is closed."""
    reopening = transport.reopening()
    last = after
    while not transport.is_closed:
        try:
            stream = transport.stream(path, last)
            try:
                is_open = True
                while is_open and not transport.is_closed:
                    is_open, found = stream.heard()
                    if is_open:
                        reopening.went_well()
                    for event in found:
                        yield event
                        last = event.id or last
            finally:
                reopening.was_there()
                stream.close()
            reopening.pause(ConnectionResetError("the stream ended"))
        except (*FAULTS, FaasError) as error:
            reopening.pause(error)
