"""What can be asked of a task: Python names and units on this side, the API's on the other."""
import collections.abc
import datetime
import difflib
import math
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypedDict, Union

Moment = Union[datetime.datetime, datetime.timedelta, str]


class Retry(TypedDict, total=False):
    """Retries of what the function raises. Times in seconds."""

    max_retries: int
    backoff: float
    factor: float
    max_backoff: float
    on: Sequence[str]


class Options(TypedDict, total=False):
    """A task's options.

    priority      -100 … 100, higher goes first
    timeout       time limit of an attempt, seconds; 0 = none
    memory        what the call may use beyond what its process used before it, bytes; 0 = no limit
    max_attempts  how often its worker may be lost
    retry         {"max_retries": 3, "backoff": 1.0, "factor": 2.0, "max_backoff": 60.0, "on": ["OSError"]}, seconds
    at_most_once  never started twice
    not_before    datetime with a time zone, or timedelta from now
    expires_at    the same: not started later
    result_ttl    how long its end is kept, seconds
    tags          words to find it by
    isolation     "warm" or "task"
    labels        what the worker must have: "key=value" or "key"
    result_as     "pickle", "json" or "both"
    group         for lists and events; of Client.submit and batch alone: an Executor has one for all of its tasks
    traceparent   W3C trace context
    """

    priority: int
    timeout: float
    memory: int
    max_attempts: int
    retry: Retry
    at_most_once: bool
    not_before: Moment
    expires_at: Moment
    result_ttl: float
    tags: Sequence[str]
    isolation: str
    labels: Sequence[str]
    result_as: str
    group: str
    traceparent: str


class _Kind(NamedTuple):
    """What values an option takes: `words` follow "option 'x' is ", `change` makes what the API takes of one it accepts."""

    accepts: Callable[[Any], bool]
    words: str
    change: Callable[[Any], Any]


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, str, bytes)):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def _is_seconds(value: Any) -> bool:
    return isinstance(value, datetime.timedelta) or _is_number(value)


def _ms(seconds: Any) -> int:
    if isinstance(seconds, datetime.timedelta):
        seconds = seconds.total_seconds()
    return int(round(float(seconds) * 1000))


def _is_moment(value: Any) -> bool:
    return isinstance(value, (str, datetime.timedelta)) or (isinstance(value, datetime.datetime) and value.tzinfo is not None)


def _moment(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.timedelta):
        value = datetime.datetime.now(datetime.timezone.utc) + value
    text: str = value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _listed(value: Any) -> List[Any]:
    return [value] if isinstance(value, str) else list(value)


def _are_words(value: Any) -> bool:
    return isinstance(value, (str, list, tuple, set, frozenset)) and all(isinstance(word, str) for word in value)


def _are_exceptions(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(one, (str, type)) for one in value)


_INTEGER = _Kind(lambda value: _is_number(value) and value == int(value), "an integer", int)
_NUMBER = _Kind(_is_number, "a finite number", float)
_SECONDS = _Kind(_is_seconds, "a finite number of seconds or a timedelta", _ms)
_MOMENT = _Kind(_is_moment, "a datetime with a time zone, a timedelta from now or RFC 3339 text", _moment)
_TEXT = _Kind(lambda value: isinstance(value, str), "a text", str)
_WORDS = _Kind(_are_words, "a text or a list of texts", _listed)
_BOOL = _Kind(lambda value: isinstance(value, bool), "True or False", bool)

_RETRY: Dict[str, Tuple[str, _Kind]] = {
    "max_retries": ("max_retries", _INTEGER),
    "backoff": ("backoff_ms", _SECONDS),
    "factor": ("factor", _NUMBER),
    "max_backoff": ("max_backoff_ms", _SECONDS),
    "on": (
        "on",
        _Kind(
            _are_exceptions,
            'a list of exceptions or their names: [OSError, "MyError"]',
            lambda names: [name if isinstance(name, str) else name.__name__ for name in names],
        ),
    ),
}

# Python's name -> the API's name, and which values.
_NAMES: Dict[str, Tuple[str, _Kind]] = {
    "priority": ("priority", _INTEGER),
    "timeout": ("timeout_ms", _SECONDS),
    "memory": ("memory_bytes", _INTEGER),
    "max_attempts": ("max_attempts", _INTEGER),
    "retry": (
        "retry",
        _Kind(
            lambda value: isinstance(value, collections.abc.Mapping),
            'a dict such as {"max_retries": 3}',
            lambda policy: _renamed(policy, _RETRY, "option of retry"),
        ),
    ),
    "at_most_once": ("at_most_once", _BOOL),
    "not_before": ("not_before", _MOMENT),
    "expires_at": ("expires_at", _MOMENT),
    "result_ttl": ("result_ttl_ms", _SECONDS),
    "tags": ("tags", _WORDS),
    "isolation": ("isolation", _TEXT),
    "labels": ("labels", _WORDS),
    "result_as": ("result_as", _TEXT),
    "group": ("group", _TEXT),
    "traceparent": ("traceparent", _TEXT),
}

# What a function's registration may fix for all of its tasks.
LASTING = frozenset(_NAMES) - {"not_before", "expires_at", "group", "traceparent"}


def check(options: Mapping[str, Any], allowed: Optional[Any] = None) -> None:
    """Raises TypeError for a name that is no option, with the nearest one that is; TypeError or ValueError for a value that
    an option does not take, with what it takes."""
    for name in options:
        if name not in (_NAMES if allowed is None else allowed):
            _refuse(name, list(_NAMES if allowed is None else allowed), "option")
    on_the_wire(options)


def check_of_calls(options: Mapping[str, Any]) -> None:
    """As `check`, of calls through an Executor. Raises TypeError for `group`, too."""
    if "group" in options:
        # It hears of its tasks' ends by the events of its group.
        raise TypeError(
            "'group' is one for all tasks of an Executor: say Executor(group=%r), for decorated functions configure(group=%r)"
            % (options["group"], options["group"])
        )
    check(options, [name for name in _NAMES if name != "group"])


def check_group(group: Any) -> None:
    """Raises TypeError for what is no text, ValueError for one that no request can hold."""
    if not isinstance(group, str):
        raise TypeError("the group of an Executor is a text, not %r" % (group,))
    if any("\ud800" <= character <= "\udfff" for character in group):
        raise ValueError("the group %r has a lone surrogate, which is no character and cannot be sent" % group)


def on_the_wire(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The API's options. Raises as `check`."""
    return _renamed(options, _NAMES, "option")


def _renamed(values: Mapping[str, Any], names: Mapping[str, Tuple[str, _Kind]], what: str) -> Dict[str, Any]:
    out: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in names:
            _refuse(name, list(names), what)
        if value is not None:
            there, kind = names[name]
            if not kind.accepts(value):
                # Of the right kind, and infinite or broken, or of another kind.
                fault = ValueError if isinstance(value, (float, datetime.datetime)) else TypeError
                raise fault("%s %r is %s, not %r" % (what, name, kind.words, value))
            out[there] = kind.change(value)
    return out


def _refuse(name: str, names: Sequence[str], what: str) -> None:
    near = difflib.get_close_matches(name, names, 1)
    advice = "did you mean %r?" % near[0] if near else "there are %s." % ", ".join(sorted(names))
    raise TypeError("%r is no %s: %s" % (name, what, advice))
