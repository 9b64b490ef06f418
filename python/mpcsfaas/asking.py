"""The question for the ends of many tasks, /v1/results."""
import json
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from . import frames
from .transport import Transport

# Ids in one request.
_PORTION = 5000

# The JSON and the frames that it speaks of.
Answer = Tuple[Dict[str, Any], List[memoryview]]


def ask(transport: Transport, ids: Sequence[str], wait: float = 0.0, until: Optional[float] = None) -> Answer:
    """Of at most so many as fit into a request. wait: at most so many seconds for the first end. until: see Transport.send.
    Raises FaasError."""
    body = {"task_ids": list(ids), "wait_ms": int(wait * 1000), "wait_for": "any"}
    headers = {"Content-Type": "application/json", "Accept": frames.MEDIA_TYPE}
    answer = transport.send("POST", "/v1/results", headers, (json.dumps(body).encode(),), wait=wait, until=until)
    return transport.read(answer, frames.decode)


def ask_all(transport: Transport, ids: Sequence[str], wait: float, until: Optional[float]) -> Iterator[Answer]:
    """Of any number, in several requests, of which the last one waits; arguments and faults as of `ask`."""
    while ids:
        portion, ids = ids[:_PORTION], ids[_PORTION:]
        longest = 0.0 if ids else wait
        while portion:
            header, parts = ask(transport, portion, longest, until=until)
            yield header, parts
            # An answer is bounded: more may have ended than it holds.
            portion, longest = (header["pending"] if header["results"] else []), 0.0
