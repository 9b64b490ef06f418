"""Bytes of functions, arguments and results.

P1  Plain data is written by the C pickler. What it would write as a reference into `__main__` goes by value, through dill:
    no worker has the caller's main module.
P2  Of a function's globals only those that it uses go along (dill's `recurse`, with a search of ours: see globalvars).
P3  What means nothing in another process is refused, not copied: locks, open files, futures.
P4  A class of `__main__` is one class wherever it goes (see classes), so that `except` and `isinstance` know it.
P5  A method that a module has for a function goes by name, too (see methods): with its object, which nobody sees, each call
    would begin from a copy of that, and draw the same random numbers.
"""
import _thread
import concurrent.futures
import functools
import importlib
import io
import pickle
import sys
import threading
import types
import typing
from typing import Any, Callable, Dict, List, Set, Tuple

import dill

from . import classes, culprit, methods
from .callables import name_of
from .errors import SerializationError
from .globalvars import searching
from .submodules import loaded, names_used

_PROTOCOL = 5
# Another one, so that both sorts are known by how they begin.
_PROTOCOL_OF_DILL = 4
_OF_DILL = bytes((0x80, _PROTOCOL_OF_DILL))
_dumps = pickle.dumps
# A reference into the main module has its name in the pickle, and so may a text of the user's: that costs only time.
_MAINS = tuple(name.encode() for name in classes.MAINS)
# So has a method that goes with its object.
_BOUND = b"getattr"

_REFUSED = {
    _thread.LockType,
    type(threading.RLock()),
    io.TextIOWrapper,
    io.BufferedReader,
    io.BufferedWriter,
    io.BufferedRandom,
    io.FileIO,
}


class _Dispatch(Dict[Any, Any]):
    """dill's table, without what P3 refuses. dill adds to its own while it works, so this is no copy."""

    def get(self, kind: Any, default: Any = None) -> Any:
        if kind in _REFUSED:
            return _refuse
        if issubclass(kind, concurrent.futures.Future):
            return _refuse_future
        if kind is types.ModuleType:
            return _save_module
        if kind is types.FunctionType:
            return _save_function
        if issubclass(kind, type):
            return classes.save
        if kind is functools.cached_property:
            return classes.save_cached_property
        if kind is typing.NewType:
            return classes.save_new_type
        if any(kind is one for one in classes.VARIABLES):
            return classes.save_variable
        return dill.Pickler.dispatch.get(kind, default)

    def __getitem__(self, kind: Any) -> Any:
        return dill.Pickler.dispatch[kind]

    def __contains__(self, kind: Any) -> bool:
        return kind in dill.Pickler.dispatch


def _refuse(_pickler: Any, value: Any) -> None:
    kind = type(value)
    raise pickle.PicklingError("cannot pickle %s.%s objects" % (kind.__module__, kind.__name__))


def _refuse_future(_pickler: Any, _future: Any) -> None:
    raise SerializationError("a future cannot go along to where a function runs: pass its value, `future.result()`")


def _save_module(pickler: Any, module: types.ModuleType) -> None:
    """By name; of a package with the submodules that the function speaks of, which its import alone would not bring."""
    submodules = loaded(module, pickler.names)
    if submodules:
        pickler.save_reduce(__import__, (module.__name__, None, None, submodules), obj=module)
    else:
        dill.Pickler.dispatch[types.ModuleType](pickler, module)


_save_function = searching(dill.Pickler.dispatch[types.FunctionType])


class _Pickler(dill.Pickler):  # type: ignore[misc]
    # dill looks here for whether the pickler is one of its own.
    __module__ = "dill.for_mpcsfaas"
    dispatch = _Dispatch()
    names: Set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """See classes.exception_parts, and P5."""
        if isinstance(value, BaseException) and classes.is_by_value(type(value)):
            return classes.exception_parts(value) or NotImplemented
        return methods.parts_of(value) or NotImplemented


class _PlainPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """P5."""
        if isinstance(value, types.ModuleType):
            return importlib.import_module, (value.__name__,)
        return methods.parts_of(value) or NotImplemented


def _with_methods(value: Any) -> bytes:
    """The C pickle."""
    file = io.BytesIO()
    _PlainPickler(file, _PROTOCOL).dump(value)
    return file.getvalue()


def by_value(value: Any) -> bytes:
    """dill's pickle. Raises whatever its parts raise."""
    file = io.BytesIO()
    pickler = _Pickler(file, protocol=_PROTOCOL_OF_DILL, recurse=True, byref=False, fmode=0)
    pickler.names = names_used(value)
    pickler.dump(value)
    return file.getvalue()


def is_by_value(data: bytes) -> bool:
    """Does this pickle hold byte code, which only one minor version of Python runs?"""
    # What the C pickler writes does not.
    return data.startswith(_OF_DILL) and b"_create_code" in data


def dumps(value: Any) -> bytes:
    """P1. Raises whatever the picklers raise."""
    try:
        data = _dumps(value, _PROTOCOL)
        if _BOUND in data:
            data = _with_methods(value)
    except RecursionError:
        raise  # dill goes less deep
    except Exception:
        return by_value(value)
    for main in _MAINS:
        if main in data:
            return by_value(value)
    return data


def dumps_function(function: Callable[..., Any]) -> bytes:
    """Raises SerializationError, which names the captured object that cannot be pickled."""
    try:
        return dumps(function)
    except RecursionError:
        raise SerializationError(culprit.too_deep("what `%s` takes along" % name_of(function))) from None
    except Exception as error:
        raise SerializationError(culprit.in_function(function, by_value, error)) from error


class Arguments:
    """Pickles of arguments. Of large ones that cannot change the last few are remembered: they are pickled once."""

    _LARGE = 256 * 1024
    _KEPT = 4
    # Of all that is remembered, arguments and pickles, bytes.
    _KEPT_BYTES = 64 * 1024 * 1024

    def __init__(self) -> None:
        self._kept: List[Tuple[Tuple[Any, ...], bytes]] = []

    def dumps(self, function: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> bytes:
        """The pickle of (args, kwargs). Raises SerializationError, which names the argument."""
        if self._kept and not kwargs:
            for kept, data in self._kept:
                if len(kept) == len(args) and all(one is other for one, other in zip(kept, args)):
                    return data
        try:
            data = dumps((args, kwargs))
        except RecursionError:
            raise SerializationError(culprit.too_deep(culprit.deep_argument(function, args, kwargs, dumps))) from None
        except Exception as error:
            raise SerializationError(culprit.in_arguments(function, args, kwargs, dumps, error)) from error
        if len(data) >= self._LARGE and not kwargs and all(type(arg) in (bytes, str, int) for arg in args):
            self._keep(args, data)
        return data

    def _keep(self, args: Tuple[Any, ...], data: bytes) -> None:
        kept: List[Tuple[Tuple[Any, ...], bytes]] = []
        size = 0
        for one in [(args, data), *self._kept[: self._KEPT - 1]]:
            size += len(one[1]) + sum(map(sys.getsizeof, one[0]))
            if size > self._KEPT_BYTES:
                break
            kept.append(one)
        # One that is too large by itself leaves the others.
        self._kept = kept or self._kept


def loads(data: Any) -> Any:
    """The value. Raises whatever the unpickler raises."""
    raw = bytes(data)
    if b"dill" not in raw and b"__main__" not in raw:
        return pickle.loads(raw)
    return _Unpickler(io.BytesIO(raw), ignore=True).load()


class _Unpickler(dill.Unpickler):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> Any:
        if name == "_create_type" and module in ("dill._dill", "dill.dill"):
            return classes.own_or_new
        return super().find_class(module, name)
