"""Ends of tasks as they happen."""
from typing import Any, Dict, Iterator, Mapping

from .connection import FAULTS
from .errors import FaasError
from .transport import Transport, with_query


def follow(transport: Transport, query: Mapping[str, Any], after: str) -> Iterator[Dict[str, Any]]:
    """See Client.events."""
    path = with_query("/v1/events", query)
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
                    for kind, data, place in found:
                        if kind:
                            yield {"event": kind, "id": place, **data}
                    last = stream.last_id or last
            finally:
                stream.close()
            reopening.pause(ConnectionResetError("the stream ended"))
        except (*FAULTS, FaasError) as error:
            reopening.pause(error)
