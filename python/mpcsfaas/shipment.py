"""A function as it is shipped: bytes, digest, name, source; made anew only when something that it takes along has changed."""
import collections
import enum
import functools
import hashlib
import inspect
import os
import re
import sys
import textwrap
import threading
import types
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Set, Tuple

from . import classes, culprit, pickling
from .callables import name_of, plain_function, unwrapped
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
    # Held, so that nothing else gets its id.
    function: types.FunctionType
    shipment: Shipment
    # Each answers whether something is still what it was.
    checks: List[Tuple[Callable[..., Any], Tuple[Any, ...], Any]]


# By id of the function. Bounded: a program may make functions without end, each over data of its own.
_kept: "collections.OrderedDict[int, _Kept]" = collections.OrderedDict()
_MOST = 256
_MOST_BYTES = 64 * 1024 * 1024
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
    function = unwrapped(function)
    if not isinstance(function, types.FunctionType):
        return _make(function)
    with _lock:
        kept = _kept.get(id(function))
    if kept is not None and all(look(*at) is value for look, at, value in kept.checks):
        return kept.shipment
    shipment = _make(function)
    checks = _checks(function)
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
    if not _add_members(vars(function), checks, seen):
        return False
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
    value = unwrapped(value)
    if isinstance(value, (tuple, frozenset)) and type(value) in (tuple, frozenset):
        return all(_is_fixed(one, checks, seen) for one in value)
    if isinstance(value, types.FunctionType):
        return _is_by_name(value) or _add(value, checks, seen)
    if isinstance(value, type):
        return not classes.is_by_value(value) or _add_class(value, checks, seen)
    if isinstance(value, (staticmethod, classmethod)):
        return _is_fixed(value.__func__, checks, seen)
    if isinstance(value, functools.cached_property):
        return _is_fixed(value.func, checks, seen)
    if isinstance(value, property):
        return all(_is_fixed(one, checks, seen) for one in (value.fget, value.fset, value.fdel))
    return type(value) in _FIXED


def _is_by_name(function: types.FunctionType) -> bool:
    """Does it go as a reference? What a function of a module has made inside itself does not."""
    found: Any = None if function.__module__ in classes.MAINS else sys.modules.get(function.__module__ or "")
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _add_class(kind: type, checks: List[Any], seen: Set[int]) -> bool:
    if id(kind) in seen or isinstance(kind, enum.EnumMeta):
        return True
    seen.add(id(kind))
    return all(_add_members(vars(one), checks, seen) for one in kind.__mro__ if classes.is_by_value(one))


def _add_members(members: Mapping[str, Any], checks: List[Any], seen: Set[int]) -> bool:
    """Of a class or a function."""
    checks.append((len, (members,), len(members)))
    for name, value in members.items():
        checks.append((members.get, (name, _MISSING), value))
        # What Python and its decorators note about a class is set once: __slots__, __dataclass_fields__.
        if name == "_field_defaults" or (name.startswith("__") and not callable(value)):
            continue
        if inspect.isdatadescriptor(value) and not isinstance(value, property):
            continue
        if not _is_fixed(value, checks, seen):
            return False
    return True


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING
