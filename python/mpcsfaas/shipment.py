"""A function as it is shipped: bytes, digest, name, source; made anew only when something that it takes along has changed."""
import hashlib
import inspect
import os
import re
import textwrap
import threading
import types
import weakref
from typing import Any, Callable, List, NamedTuple, Optional, Set, Tuple

from . import culprit, pickling
from .globalvars import globals_of
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
    shipment: Shipment
    # Each answers whether something is still what it was.
    checks: List[Tuple[Callable[..., Any], Tuple[Any, ...], Any]]


_kept: "weakref.WeakKeyDictionary[Any, _Kept]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_MISSING = object()


def _renew_lock() -> None:
    # Another thread may have held it when this process was forked.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def shipment_of(function: Any) -> Shipment:
    """Raises SerializationError, which names the captured object that cannot be pickled."""
    function = pickling.unwrapped(function)
    if not isinstance(function, types.FunctionType):
        return _make(function)
    with _lock:
        kept = _kept.get(function)
    if kept is not None and all(look(*at) is value for look, at, value in kept.checks):
        return kept.shipment
    shipment = _make(function)
    checks = _checks(function)
    if checks is not None:
        with _lock:
            _kept[function] = _Kept(shipment, checks)
    return shipment


def _make(function: Any) -> Shipment:
    code = pickling.dumps_function(function)
    digest = hashlib.sha256(code).hexdigest()
    python = PYTHON if pickling.is_by_value(code) else ""
    return Shipment(code, digest, label(function), python, source_of(function), "dill " + DILL)


def label(function: Any) -> str:
    """Its name in the characters that the API takes."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", pickling.name_of(function).replace("<lambda>", "lambda").replace(".<locals>", ""))
    return plain.strip("._")[:100] or "function"


def source_of(function: Any) -> str:
    """The text of its file that defines it, '' where there is none (a prompt, a builtin)."""
    plain = pickling.plain_function(function)
    if plain is None:
        return ""
    try:
        text = textwrap.dedent(inspect.getsource(plain))
    except (OSError, TypeError, SyntaxError, IndexError):
        return ""
    return text if len(text) <= _SOURCE_CHARS else text[: _SOURCE_CHARS - 2] + "\n…"


_FIXED = (int, float, complex, bool, str, bytes, type(None), types.BuiltinFunctionType, types.ModuleType)


def _checks(function: types.FunctionType) -> Optional[List[Tuple[Callable[..., Any], Tuple[Any, ...], Any]]]:
    """What to look at before the shipment is used again; None where it takes along what can change in itself."""
    checks: List[Tuple[Callable[..., Any], Tuple[Any, ...], Any]] = []
    return checks if _add(function, checks, set()) else None


def _add(function: types.FunctionType, checks: List[Any], seen: Set[int]) -> bool:
    if id(function) in seen:
        return True
    seen.add(id(function))
    for attribute in ("__code__", "__defaults__", "__kwdefaults__"):
        checks.append((getattr, (function, attribute, None), getattr(function, attribute)))
    for name in culprit.names_in(function.__code__):
        checks.append((function.__globals__.get, (name, _MISSING), function.__globals__.get(name, _MISSING)))
    for cell in function.__closure__ or ():
        checks.append((_contents, (cell,), _contents(cell)))
    used = globals_of(function.__code__)
    for label_, value in culprit.captured(function):
        if label_.startswith("global") and label_.split("`")[1] not in used:
            continue  # an attribute of that name
        if not _is_fixed(value, checks, seen):
            return False
    return True


def _is_fixed(value: Any, checks: List[Any], seen: Set[int]) -> bool:
    value = pickling.unwrapped(value)
    if isinstance(value, (tuple, frozenset)) and type(value) in (tuple, frozenset):
        return all(_is_fixed(one, checks, seen) for one in value)
    if isinstance(value, types.FunctionType):
        return value.__module__ not in ("__main__", "__mp_main__") or _add(value, checks, seen)
    if isinstance(value, type):
        if value.__module__ not in ("__main__", "__mp_main__"):
            return True
        members = [getattr(member, "__func__", member) for member in vars(value).values()]
        return all(_add(one, checks, seen) for one in members if isinstance(one, types.FunctionType))
    return type(value) in _FIXED


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING
