"""Which captured object or argument cannot be pickled: found by trying each part by itself."""
import sys
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from .errors import SerializationError

Dumps = Callable[[Any], bytes]


def in_function(function: Any, dumps: Dumps, error: BaseException) -> str:
    """The sentence about a function that cannot be pickled."""
    name = getattr(function, "__qualname__", None) or repr(function)
    found = _within(function, dumps, set())
    if found is None:
        return "cannot pickle `%s`: %s" % (name, error)
    path, value = found
    own = _fault(value, dumps)
    advice = str(own) if isinstance(own, SerializationError) else "make it inside the function, or pass what it is made from"
    return "cannot pickle `%s`: its %s is a %s; %s" % (name, path, _kind(value), advice)


def in_arguments(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], dumps: Dumps, error: BaseException) -> str:
    """The sentence about arguments that cannot be pickled."""
    name = getattr(function, "__qualname__", None) or repr(function)
    for label, value in _labelled(args, kwargs):
        if not _fails(value, dumps):
            continue
        path, inner = _inside(value, dumps)
        own = _fault(inner, dumps)
        why = "; %s" % own if isinstance(own, SerializationError) else ""
        where = ("its %s is" % path) if path else "it is"
        return "cannot pickle %s of `%s`: %s a %s%s" % (label, name, where, _kind(inner), why)
    return "cannot pickle the arguments of `%s`: %s" % (name, error)


def deep_argument(function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], dumps: Dumps) -> str:
    """Words for the argument in which a pickler goes too deep."""
    name = getattr(function, "__qualname__", None) or repr(function)
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


def _within(value: Any, dumps: Dumps, seen: Set[int]) -> Optional[Tuple[str, Any]]:
    inner = getattr(value, "__mpcsfaas_plain__", None) or getattr(value, "__func__", None) or value
    if not isinstance(inner, types.FunctionType) or id(inner) in seen:
        return None
    seen.add(id(inner))
    for label, part in captured(inner):
        if isinstance(part, types.FunctionType):
            deeper = _within(part, dumps, seen)
            if deeper is not None:
                return deeper
            continue
        if _fails(part, dumps):
            path, found = _inside(part, dumps)
            return (label + (", at %s," % path if path else "")), found
    return None


def _inside(value: Any, dumps: Dumps, depth: int = 4) -> Tuple[str, Any]:
    """The innermost part of a container that fails, and the way to it."""
    parts: Iterator[Tuple[str, Any]] = iter(())
    if isinstance(_fault(value, dumps), SerializationError):
        depth = 0  # it says itself why
    if depth and isinstance(value, dict):
        parts = (("[%r]" % (key,), part) for key, part in value.items())
    elif depth and isinstance(value, (list, tuple)):
        parts = (("[%d]" % i, part) for i, part in enumerate(value))
    elif depth and isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, (type, types.ModuleType)):
        parts = ((".%s" % key, part) for key, part in vars(value).items())
    for label, part in parts:
        if _fails(part, dumps):
            path, found = _inside(part, dumps, depth - 1)
            return label + path, found
    return "", value


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
