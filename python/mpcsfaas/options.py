"""What can be asked of a task: Python names and units on this side, the API's on the other."""
import datetime
import difflib
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, TypedDict, Union

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
    memory        memory limit, bytes; 0 = none
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


def _ms(seconds: Any) -> int:
    if isinstance(seconds, datetime.timedelta):
        seconds = seconds.total_seconds()
    return int(round(seconds * 1000))


def _moment(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.timedelta):
        value = datetime.datetime.now(datetime.timezone.utc) + value
    if not isinstance(value, datetime.datetime):
        raise TypeError("a moment is a datetime with a time zone, a timedelta from now or RFC 3339 text, not %r" % (value,))
    if value.tzinfo is None:
        raise TypeError("the datetime %s has no time zone: say datetime.now(timezone.utc) + …" % value)
    return value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _retry(policy: Mapping[str, Any]) -> Dict[str, Any]:
    return _renamed(policy, _RETRY, "retry")


def _same(value: Any) -> Any:
    return value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else list(value)


_RETRY: Dict[str, Any] = {
    "max_retries": ("max_retries", _same),
    "backoff": ("backoff_ms", _ms),
    "factor": ("factor", _same),
    "max_backoff": ("max_backoff_ms", _ms),
    "on": ("on", lambda names: [name if isinstance(name, str) else name.__name__ for name in names]),
}

# Python's name -> the API's name, and how the value changes.
_NAMES: Dict[str, Any] = {
    "priority": ("priority", _same),
    "timeout": ("timeout_ms", _ms),
    "memory": ("memory_bytes", _same),
    "max_attempts": ("max_attempts", _same),
    "retry": ("retry", _retry),
    "at_most_once": ("at_most_once", _same),
    "not_before": ("not_before", _moment),
    "expires_at": ("expires_at", _moment),
    "result_ttl": ("result_ttl_ms", _ms),
    "tags": ("tags", _list),
    "isolation": ("isolation", _same),
    "labels": ("labels", _list),
    "result_as": ("result_as", _same),
    "group": ("group", _same),
    "traceparent": ("traceparent", _same),
}

# What a function's registration may fix for all of its tasks.
LASTING = frozenset(_NAMES) - {"not_before", "expires_at", "group", "traceparent"}


def check(options: Mapping[str, Any], allowed: Optional[Any] = None) -> None:
    """Raises TypeError for a name that is no option, with the nearest one that is."""
    for name in options:
        if name not in (_NAMES if allowed is None else allowed):
            _refuse(name, list(_NAMES if allowed is None else allowed), "option")


def check_of_calls(options: Mapping[str, Any]) -> None:
    """As `check`, of calls through an Executor. Raises TypeError for `group`, too."""
    check(options)
    if "group" in options:
        # It hears of its tasks' ends by the events of its group.
        raise TypeError(
            "'group' is one for all tasks of an Executor: say Executor(group=%r), for decorated functions configure(group=%r)"
            % (options["group"], options["group"])
        )


def on_the_wire(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The API's options. Raises TypeError for a name that is none."""
    return _renamed(options, _NAMES, "option")


def _renamed(values: Mapping[str, Any], names: Mapping[str, Any], what: str) -> Dict[str, Any]:
    out: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in names:
            _refuse(name, list(names), what)
        if value is not None:
            there, change = names[name]  # type: str, Callable[[Any], Any]
            out[there] = change(value)
    return out


def _refuse(name: str, names: Sequence[str], what: str) -> None:
    near = difflib.get_close_matches(name, names, 1)
    advice = "did you mean %r?" % near[0] if near else "there are %s." % ", ".join(sorted(names))
    raise TypeError("%r is no %s: %s" % (name, what, advice))
