"""A function as it is shipped: bytes, digest, name, source; made anew only when something that it takes along has changed."""
import collections
import hashlib
import inspect
import os
import re
import textwrap
import threading
import types
from typing import Any, List, NamedTuple

from . import pickling
from .callables import name_of, plain_function, unwrapped
from .changes import Check, checks_of, is_unchanged
from .versions import DILL, PYTHON

_SOURCE_CHARS = 16 * 1024


class Shipment(NamedTuple):
    """digest: SHA-256 of the code. python: the minor version that alone can run it, '' where any can."""

    code: bytes
    digest: str
    name: str
    python: str
    source: str
    pickler: str


class _Kept(NamedTuple):
    # Held, so that nothing else gets its id.
    function: types.FunctionType
    shipment: Shipment
    checks: List[Check]


# By id of the function. Bounded: a program may make functions without end, each over data of its own.
_kept: "collections.OrderedDict[int, _Kept]" = collections.OrderedDict()
_MOST = 256
_MOST_BYTES = 64 * 1024 * 1024
_lock = threading.Lock()


def _renew_lock() -> None:
    # Another thread may have held it when this process was forked.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def shipment_of(function: Any) -> Shipment:
    """Raises SerializationError, which names the captured object that cannot be pickled."""
    function = unwrapped(function)
    if not isinstance(function, types.FunctionType):
        return _make(function)
    with _lock:
        kept = _kept.get(id(function))
    if kept is not None and is_unchanged(kept.checks):
        return kept.shipment
    shipment = _make(function)
    checks = checks_of(function)
    if checks is not None:
        _keep(_Kept(function, shipment, checks))
    return shipment


def _keep(kept: _Kept) -> None:
    with _lock:
        _kept.pop(id(kept.function), None)
        _kept[id(kept.function)] = kept
        size = sum(len(one.shipment.code) for one in _kept.values())
        while len(_kept) > 1 and (len(_kept) > _MOST or size > _MOST_BYTES):
            size -= len(_kept.popitem(last=False)[1].shipment.code)


def _make(function: Any) -> Shipment:
    code = pickling.dumps_function(function)
    digest = hashlib.sha256(code).hexdigest()
    python = PYTHON if pickling.is_by_value(code) else ""
    return Shipment(code, digest, label(function), python, source_of(function), "dill " + DILL)


def label(function: Any) -> str:
    """Its name in the characters that the API takes."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name_of(function).replace("<lambda>", "lambda").replace(".<locals>", ""))
    return plain.strip("._")[:100] or "function"


def source_of(function: Any) -> str:
    """The text of its file that defines it, '' where there is none (a prompt, a builtin)."""
    plain = plain_function(function)
    if plain is None:
        return ""
    try:
        text = textwrap.dedent(inspect.getsource(plain))
    except (OSError, TypeError, SyntaxError, IndexError):
        return ""
    return text if len(text) <= _SOURCE_CHARS else text[: _SOURCE_CHARS - 2] + "\n…"
