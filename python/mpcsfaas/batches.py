"""What a batch of any size is cut into: requests that the service takes."""
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional

# The most tasks that the service takes at once.
_MOST = 10_000
# Bytes beyond which a request takes no further task: a third of what a service reads where nobody has set another limit.
_ENOUGH_BYTES = 32 * 1024 * 1024


class Entry(NamedTuple):
    """A task as the API takes it, without its function."""

    # Its JSON, whole but for that and for the arguments where they are a pickle.
    fields: Dict[str, Any]
    pickle: Optional[bytes]

    def in_frame(self, number: int) -> Dict[str, Any]:
        """The JSON where the pickle is that frame of the request."""
        return self.fields if self.pickle is None else {**self.fields, "args_pickle": {"frame": number}}

    @property
    def frames(self) -> List[bytes]:
        """What goes beside the JSON."""
        return [] if self.pickle is None else [self.pickle]


class Request(NamedTuple):
    """Some tasks of a batch."""

    # The JSON of each, without its function.
    tasks: List[bytes]
    frames: List[bytes]
    # Among the requests of its batch, from 0; None where it is the only one.
    number: Optional[int]

    def json_of(self, ref: str) -> bytes:
        """Its JSON, where the function has that id or name."""
        return b'{"tasks":[' + b",".join(of_function(ref, task) for task in self.tasks) + b"]}"


def of_function(ref: str, task: bytes) -> bytes:
    """A task's JSON with its function."""
    return b'{"function":%s,%s' % (json.dumps(ref).encode(), task[1:])


def requests(entries: Iterable[Entry], encode: Callable[[Dict[str, Any]], bytes]) -> Iterator[Request]:
    """In the order of the entries. Reads one entry ahead of what it hands out."""
    tasks: List[bytes] = []
    frames: List[bytes] = []
    size = number = 0
    for entry in entries:
        text = encode(entry.in_frame(len(frames)))
        bytes_ = len(text) + len(entry.pickle or b"")
        if tasks and (len(tasks) >= _MOST or size + bytes_ > _ENOUGH_BYTES):
            yield Request(tasks, frames, number)
            tasks, frames, size, number = [], [], 0, number + 1
            text = encode(entry.in_frame(0))
        tasks.append(text)
        frames.extend(entry.frames)
        size += bytes_
    if tasks:
        yield Request(tasks, frames, number or None)
