"""From a task's end as the API tells it to a value, or to what is raised."""
from typing import Any, Dict

from . import errors, pickling


def value_of(result: Dict[str, Any], pickle: Any) -> Any:
    """The value of a TaskResult and its pickle (None: the value is JSON). Raises what ended it."""
    if result["status"] != "COMPLETED":
        raise exception_of(result, pickle)
    if pickle is None:
        return result.get("value")
    try:
        return pickling.loads(pickle)
    except Exception as error:
        words = "the result of task %s cannot be loaded here: %s: %s" % (result["task_id"], type(error).__name__, error)
        unloadable = errors.SerializationError(words)
        unloadable.task_id = result["task_id"]
        raise unloadable from error


def exception_of(result: Dict[str, Any], pickle: Any) -> BaseException:
    """What a task that has no value raises at the caller; the worker's traceback is its cause."""
    task_id = result["task_id"]
    told = result["error"] or {"kind": "canceled", "type": "", "message": "the task was canceled", "traceback": ""}
    kind, type_name, message, traceback = told["kind"], told["type"], told["message"], told["traceback"]
    attempts = told.get("attempts") or []
    error = _own(pickle, type_name) if kind == "raised" else None
    if error is None:
        if kind == "raised":
            ended: errors.FaasError = errors.RemoteError(type_name, message, traceback, task_id)
        else:
            ended = errors.of_kind(kind, message, task_id, traceback)
        ended.details = told.get("details") or {}
        ended.attempts = attempts
        error = ended
    # Whatever its class makes of attributes.
    cause = errors.RemoteTraceback(traceback, attempts) if traceback or attempts else None
    BaseException.__setattr__(error, "__cause__", cause)
    return error


def _own(pickle: Any, type_name: str) -> "BaseException | None":
    """The exception itself, where it can be loaded and is of its own type."""
    if pickle is None:
        return None
    try:
        raised = pickling.loads(pickle)
    except Exception:
        return None
    # Where the exception did not survive a pickle, the runner sends another one that tells of it.
    if not isinstance(raised, BaseException) or type(raised).__name__ != type_name:
        return None
    return raised
