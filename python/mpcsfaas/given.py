"""What a caller has given for a call, of a Client or an Executor."""
import collections.abc
import json
import numbers
import reprlib
from typing import Any, Iterable, Iterator, List, Mapping, Sequence

from .callables import name_of
from .errors import SerializationError

# Each would be spread over many arguments, or is a call's arguments without an order.
_NOT_SPREAD = (str, bytes, bytearray, memoryview, collections.abc.Mapping)


def check_function(function: Any, method: str) -> None:
    """Raises TypeError for what is none: of an Executor, which has no names of functions, or to be registered. method: of the caller."""
    if callable(function):
        return
    if isinstance(function, str):
        words = "%s takes a function, not %s: Client().submit(%r, [x]) calls one that is registered by its name"
        raise TypeError(words % (method, reprlib.repr(function), function))
    raise TypeError(_no_function(method, "a function", function))


def check_callee(function: Any) -> None:
    """Raises TypeError for what is neither a function nor the name of one."""
    if not (isinstance(function, str) or callable(function)):
        raise TypeError(_no_function("submit", "a function, or the name of one that is registered", function))


def _no_function(method: str, what: str, given: Any) -> str:
    return "%s takes %s, not %s: name the function and its arguments apart, %s(f, x) for f(x)" % (
        method,
        what,
        reprlib.repr(given),
        method,
    )


def check_count(name: str, count: Any) -> None:
    """Of an option of `map` of this name. Raises TypeError for what is no whole number, ValueError for one below 1."""
    if not isinstance(count, numbers.Integral):
        raise TypeError("the %s of a map is a whole number, not %s" % (name, reprlib.repr(count)))
    if count < 1:
        raise ValueError("%s must be >= 1." % name)


def checked_ids(task_ids: Iterable[Any]) -> List[str]:
    """Raises TypeError for what is no list of texts, or anything else that tells them one by one."""
    if isinstance(task_ids, str):
        raise TypeError("the ids of tasks come in a list, be it only one: [%s]" % reprlib.repr(task_ids))
    ids = list(task_ids)
    for task_id in ids:
        if not isinstance(task_id, str):
            raise TypeError("the id of a task is text, as `future.task_id` is, not %s" % reprlib.repr(task_id))
    return ids


def check_named_arguments(function: Any, kwargs: Any) -> None:
    """Raises TypeError where those that have names are no mapping."""
    if kwargs is not None and not isinstance(kwargs, collections.abc.Mapping):
        words = "the arguments of a call that have names are a dict, not %s: write submit(%s, [x, y], {'name': z})"
        raise TypeError(words % (reprlib.repr(kwargs), _shown(function)))


def check_arguments(function: Any, args: Any) -> None:
    """Raises TypeError where the positional arguments are no sequence."""
    if not _is_sequence(args):
        shown, name = reprlib.repr(args), _shown(function)
        raise TypeError("the arguments of a call are a list or a tuple, not %s: write submit(%s, [%s])" % (shown, name, shown))


def check_calls(function: Any, calls: Any) -> None:
    """Raises TypeError where there is nothing to iterate over, or one text."""
    if isinstance(calls, _NOT_SPREAD) or not (hasattr(calls, "__iter__") or hasattr(calls, "__getitem__")):
        words = "the calls of a batch are a list of their arguments, not %s: write batch(%s, [[x, y], [z, w]])"
        raise TypeError(words % (reprlib.repr(calls), _shown(function)))


def each(function: Any, calls: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The calls of a batch. Raises TypeError where the arguments of one are no sequence."""
    for args in calls:
        if not _is_sequence(args):
            shown, name = reprlib.repr(args), _shown(function)
            words = "each call of a batch is a list or a tuple of its arguments, not %s: write batch(%s, [[%s], …])"
            raise TypeError(words % (shown, name, shown))
        yield args


def check_filters(filters: Mapping[str, Any]) -> None:
    """Raises ValueError for an empty list: the API, which sees nothing of it, would take it for no filter."""
    for name, value in filters.items():
        if isinstance(value, (list, tuple, set, frozenset)) and not value:
            raise ValueError("the filter %r is an empty list, which nothing matches: leave it out to have all" % name)


def check_place(after: Any) -> None:
    """Raises ValueError for what is no place in a stream of events."""
    if not (isinstance(after, str) and after.isascii() and after.isprintable()):
        raise ValueError("a place in the events is the `id` of one, printable ASCII characters alone, not %r" % (after,))


def json_of(function: Any, body: Any) -> bytes:
    """The JSON of a call. Raises SerializationError, which names the function."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except RecursionError:
        raise SerializationError("the arguments of %s are nested too deeply for JSON" % name_of(function)) from None
    except (TypeError, ValueError) as error:
        raise SerializationError("the arguments of %s do not fit into JSON: %s" % (name_of(function), error)) from error


def _is_sequence(args: Any) -> bool:
    """Also an array of others, which says nothing of what it is."""
    return not isinstance(args, _NOT_SPREAD) and hasattr(args, "__len__") and hasattr(args, "__getitem__")


def _shown(function: Any) -> str:
    return repr(function) if isinstance(function, str) else name_of(function)
