"""The binary format of the API: a 32-bit big-endian length and a JSON header, then frames behind their own lengths."""
import json
import struct
from typing import Any, Iterable, List, Sequence, Tuple

MEDIA_TYPE = "application/vnd.mpcsfaas.v1+frames"
_LENGTH = struct.Struct(">I")


def encode(header: bytes, frames: Sequence[bytes]) -> List[bytes]:
    """The pieces of a body: nothing large is copied."""
    length = _LENGTH.pack
    pieces = [length(len(header)), header]
    for frame in frames:
        pieces.append(length(len(frame)))
        pieces.append(frame)
    return pieces


def decode(body: bytes) -> Tuple[Any, List[memoryview]]:
    """Header and frames; the frames are views. Raises ValueError where the body is cut off."""
    view = memoryview(body)
    parts = list(_parts(view))
    if not parts:
        raise ValueError("the body has no header")
    return json.loads(bytes(parts[0])), parts[1:]


def _parts(view: memoryview) -> Iterable[memoryview]:
    at, end = 0, len(view)
    while at < end:
        if end - at < 4:
            raise ValueError("the body is cut off where a length is due")
        (length,) = _LENGTH.unpack_from(view, at)
        at += 4
        if length > end - at:
            raise ValueError("the body is cut off: %d bytes are due and %d are left" % (length, end - at))
        yield view[at : at + length]
        at += length
