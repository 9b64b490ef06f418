"""Which captured object or argument cannot be pickled: found by trying each part by itself."""
import functools
import sys
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from .callables import name_of, unwrapped
from .errors import SerializationError

Dumps = Callable[[Any], bytes]
# What only passes on the faults of its parts.
_HOLDERS = (types.FunctionType, types.MethodType, functools.partial, dict, list, tuple, set, frozenset)
# Parts of parts are looked into so deeply.
_DEEPEST = 12


def in_function(function: Any, dumps: Dumps, error: BaseException) -> str:
    """The sentence about a function that cannot be pickled."""
    name = name_of(function)
    found = _inside(function, dumps)
    if found is None or not found[0]:
        return "cannot pickle `%s`: %s" % (name, error)
    path, value = found
    own = _fault(value, dumps)
    advice = str(own) if isinstance(own, SerializationError) else "make it inside the function, or pass what it is made from"
    return "cannot pickle `%s`: its %s is a %s; %s" % (name, path, _kind(value), advice)


def in_arguments(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], dumps: Dumps, error: BaseException) -> str:
    """The sentence about arguments that cannot be pickled."""
    name = name_of(function)
    for label, value in _labelled(args, kwargs):
        if not _fails(value, dumps):
            continue
        path, inner = _inside(value, dumps) or ("", value)
        own = _fault(inner, dumps)
        why = "; %s" % own if isinstance(own, SerializationError) else ""
        where = ("its %s is" % path) if path else "it is"
        return "cannot pickle %s of `%s`: %s a %s%s" % (label, name, where, _kind(inner), why)
    return "cannot pickle the arguments of `%s`: %s" % (name, error)


def deep_argument(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], dumps: Dumps) -> str:
    """Words for the argument in which a pickler goes too deep."""
    name = name_of(function)
    for label, value in _labelled(args, kwargs):
        if isinstance(_fault(value, dumps), RecursionError):
            return "%s of `%s`" % (label, name)
    return "the arguments of `%s`" % name


def too_deep(what: str) -> str:
    """The sentence about it."""
    return (
        "cannot pickle %s: it is nested more deeply than Python's recursion limit (%d) lets a pickler go; pass it flat, "
        "for example as a list of its parts, or raise the limit with sys.setrecursionlimit" % (what, sys.getrecursionlimit())
    )


def _labelled(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> List[Tuple[str, Any]]:
    named = [("argument `%s`" % key, value) for key, value in kwargs.items()]
    return [("argument %d" % (i + 1), arg) for i, arg in enumerate(args)] + named


def captured(function: types.FunctionType) -> Iterator[Tuple[str, Any]]:
    """What a function takes along, each with words for it."""
    code = function.__code__
    for variable, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            yield "captured variable `%s`" % variable, cell.cell_contents
        except ValueError:
            continue  # not set yet
    for variable in sorted(names_in(code)):
        if variable in function.__globals__:
            yield "global variable `%s`" % variable, function.__globals__[variable]
    for variable, value in zip(reversed(code.co_varnames[: code.co_argcount]), reversed(function.__defaults__ or ())):
        yield "default of `%s`" % variable, value
    for variable, value in (function.__kwdefaults__ or {}).items():
        yield "default of `%s`" % variable, value


def names_in(code: types.CodeType) -> Set[str]:
    """Names that the code, and code inside it, may look up: globals and attributes."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= names_in(constant)
    return names


def _inside(value: Any, dumps: Dumps, seen: Optional[Set[int]] = None, depth: int = _DEEPEST) -> Optional[Tuple[str, Any]]:
    """The innermost part that fails, and the way to it; None for what has been looked into, and for a function without one."""
    seen = set() if seen is None else seen
    value = unwrapped(value)
    if id(value) in seen:
        return None
    seen.add(id(value))
    # Where an object says itself why, that is the reason.
    if depth and (isinstance(value, _HOLDERS) or not isinstance(_fault(value, dumps), SerializationError)):
        for label, part in _parts(value, dumps):
            found = _inside(part, dumps, seen, depth - 1) if _fails(part, dumps) else None
            if found is not None:
                path, culprit = found
                return _joined(label, path, isinstance(part, types.FunctionType)), culprit
    return None if isinstance(value, types.FunctionType) else ("", value)


def _parts(value: Any, dumps: Dumps) -> Iterator[Tuple[str, Any]]:
    """What a value is made of, each with the way to it."""
    if isinstance(value, types.FunctionType):
        yield from captured(value)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield "[%r]" % (key,), part
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield "[%d]" % i, part
    elif isinstance(value, (set, frozenset)):
        for part in value:
            yield "{…}", part
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    elif isinstance(value, functools.partial):
        for name in ("func", "args", "keywords"):
            yield "." + name, getattr(value, name)
    elif isinstance(value, type):
        for name, part in vars(value).items():
            if name not in ("__dict__", "__weakref__"):
                yield "." + name, getattr(part, "__func__", None) or getattr(part, "fget", None) or part
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, types.ModuleType):
        for name, part in vars(value).items():
            yield "." + name, part
        if _fails(type(value), dumps):
            yield from _parts(type(value), dumps)


def _joined(label: str, path: str, is_function: bool) -> str:
    """"['a']" and "[1]" -> "['a'][1]"; "global variable `x`" and "[1]" -> "global variable `x`, at [1],"."""
    path = path.rstrip(",")
    leads_on = path[:1] in tuple("[.{")
    if label[:1] in tuple("[.{"):
        return label + path if leads_on or not path else "%s, its %s" % (label, path)
    if not path:
        return label
    # Which function it is that needs it says little.
    return path if is_function and not leads_on else "%s, at %s," % (label, path)


def _fault(value: Any, dumps: Dumps) -> Optional[Exception]:
    try:
        dumps(value)
    except Exception as error:
        return error
    return None


def _fails(value: Any, dumps: Dumps) -> bool:
    return _fault(value, dumps) is not None


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__name__)
