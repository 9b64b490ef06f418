"""Every error of the SDK: one class per thing that a caller handles differently.

FaasError
├── ServiceUnreachable            nobody answers at the URL, or a proxy alone (a ConnectionError, too)
├── ServiceTooOld                 the service does not know what this SDK asks for
├── NoService                     what answers at the URL is something else
├── ServiceError                  the service refused a request: .status, .code, .detail, .request_id
│   ├── BadRequestError           it cannot be read
│   ├── AuthenticationError       no key, or a wrong one; a proxy in front of the service refuses (401, 403)
│   ├── PermissionDeniedError     this host or this web page may not call
│   ├── NotFoundError             no such function, task or key
│   ├── ConflictError             the task has ended, or has not
│   ├── ExpiredError              the task is no longer kept
│   ├── ResultFormError           the result is stored in another form
│   ├── TooLargeError             arguments, code or body pass a limit: .limit, .option; of a proxy: neither
│   ├── ValidationError           a field has a value that cannot be: .errors
│   │   └── NotSelfContained      a JavaScript function uses what is not in it: .names
│   ├── IdempotencyError          the key came with other content
│   ├── QueueFull                 the queue has no room
│   ├── RateLimitedError          too many tasks a second, or requests for a proxy in front of the service (429)
│   ├── InternalError             the service has a fault
│   └── ServiceUnavailableError   the store is away, or the service is stopping
│       └── NoWorkerError         nobody can run the call
├── NotHere                       it cannot work here: after a fork, inside a remote function, in a future's callback
├── ClientClosed                  the client by which a task was waited for was closed: .task_id
├── SerializationError            something cannot be pickled, here or where the function ran
├── VersionMismatch               no worker runs the Python that pickled the function
└── TaskFailed                    a task ended without a value: .task_id, .kind
    ├── RemoteError               its exception cannot be made here: .type_name, .message, .traceback
    ├── WorkerLost                its worker or runner died too often
    ├── TaskTimeout               its time limit passed (no TimeoutError: that is for waits of the caller)
    ├── TaskExpired               it was not started in time
    ├── TaskCanceled              it was canceled (a concurrent.futures.CancelledError, too)
    ├── MemoryExceeded            it passed its memory limit
    ├── LoadFailed                the worker cannot load the function or its arguments
    └── ResultTooLarge            its result passes the limit

Whatever a task's end raises of these has .task_id, .kind, .details and .attempts (see TaskFailed), also a SerializationError
of its result and a VersionMismatch that was found where it ran.

NoWorkerWarning (a UserWarning)   calls wait, and nobody is there to run them; it is never raised

A task that ended by itself raises what the function raised, not one of these; `__cause__` is then a RemoteTraceback.
"""
import types
from concurrent.futures import CancelledError
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type


class FaasError(Exception):
    """Whatever the platform has to tell."""

    # Of a refusal: the request had been sent before, and may have been done then.
    is_repeated = False
    # And how long whoever refused it asks to be left alone, seconds.
    retry_after = 0.0
    # Of the end of a task: which one, one of a closed list of words, and more that is known (see TaskFailed).
    task_id = ""
    kind = ""
    details: Mapping[str, Any] = types.MappingProxyType({})
    attempts: Sequence[Dict[str, Any]] = ()
    # Of a batch that failed part of the way: what is queued of it. Any other exception has them then, too.
    task_ids: Sequence[str] = ()


class ServiceUnreachable(FaasError, ConnectionError):
    """Nobody answers at the URL, or a proxy that does not reach the service, after bounded retries."""


class ServiceTooOld(FaasError):
    """The service does not know a route that this SDK needs."""


class NoService(FaasError):
    """What answers at the URL is no MPCSFaaS service. status: of HTTP."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.status)


class NotHere(FaasError, RuntimeError):
    """An Executor, or a future, is used where it cannot work."""


class ClientClosed(FaasError):
    """The Client by which the end of a task was waited for was closed. The task goes on: `task_id`, '' where it is of many."""

    @classmethod
    def of(cls, task_id: str) -> "ClientClosed":
        """Before the end of this task was known."""
        error = cls("The client was closed before the end of task %s was known; the task goes on." % task_id)
        error.task_id = task_id
        return error


class SerializationError(FaasError, TypeError):
    """Something cannot be pickled; the message names it. Of a task's result: `task_id`, `kind`, `details`, `attempts`."""


class VersionMismatch(FaasError):
    """The function, or byte code among its arguments, was pickled by another Python than the workers run. Where a task ended so:
    `task_id`, `kind`, `details`, `attempts`."""


class ServiceError(FaasError):
    """The service refused a request.

    status: of HTTP. code: one of a closed list of words. detail: a sentence. request_id: for the service's log.
    errors: faults of single fields, each {"pointer", "message"}. limit, option: the limit that was passed and what raises it.
    """

    def __init__(self, detail: str, problem: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(detail)
        problem = problem or {}
        self.detail = detail
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "")
        self.request_id: str = problem.get("request_id", "")
        self.errors: List[Dict[str, str]] = problem.get("errors", [])
        self.limit: Optional[int] = problem.get("limit")
        self.option: Optional[str] = problem.get("option")
        self.problem = problem

    def __reduce__(self) -> Any:
        return type(self), (self.detail, self.problem)


class BadRequestError(ServiceError):
    """The request cannot be read."""


class AuthenticationError(ServiceError):
    """An API key is needed, or this one is not known; or a proxy in front of the service refuses."""


class PermissionDeniedError(ServiceError):
    """This host or origin may not call."""


class NotFoundError(ServiceError):
    """There is no such function, task or key."""


class ConflictError(ServiceError):
    """The task has ended, or has not ended."""


class ExpiredError(ServiceError):
    """The task is no longer kept."""


class ResultFormError(ServiceError):
    """The result is stored in another form than was asked for."""


class TooLargeError(ServiceError):
    """Arguments, code or body pass a limit; `option` is what raises it."""


class ValidationError(ServiceError):
    """A field has a value that cannot be; `errors` says which."""


class NotSelfContained(ValidationError):
    """A JavaScript function uses names that are not in it: `names`."""

    @property
    def names(self) -> List[str]:
        return list(self.problem.get("names", []))


class IdempotencyError(ServiceError):
    """The idempotency key came with other content."""


class QueueFull(ServiceError):
    """The queue has no room for the request."""


class RateLimitedError(ServiceError):
    """Too many tasks a second; or too many requests for a proxy in front of the service."""


class InternalError(ServiceError):
    """The service has a fault of its own."""


class ServiceUnavailableError(ServiceError):
    """The store is away, or the service is stopping."""


class NoWorkerError(ServiceUnavailableError):
    """No worker can run the call."""


class NoWorkerWarning(UserWarning):
    """Calls of an Executor wait, nothing has ended for some seconds, and no worker is there that can run them. They go on
    waiting for one."""


# What a wait may be told where nobody is there.
AWAY = (ServiceUnreachable, ServiceUnavailableError)
# What may find room in a moment: nothing of the request was done.
NO_ROOM = (QueueFull, RateLimitedError)


class TaskFailed(FaasError):
    """A task ended without a value.

    task_id: which. kind: why, one word of the API. traceback: of the worker, or ''. details: what is known of the end, such
    as `exit_code`, `signal`, `limit_bytes`. attempts: those that came to nothing before it
    failed, each with worker, time, reason and message.
    """

    details: Dict[str, Any]
    attempts: List[Dict[str, Any]]

    def __init__(self, message: str, task_id: str = "", kind: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.task_id = task_id
        self.kind = kind
        self.traceback = traceback
        self.details = {}
        self.attempts = []

    def __reduce__(self) -> Any:
        return type(self), (self.message, self.task_id, self.kind, self.traceback), self._more()

    def _more(self) -> Dict[str, Any]:
        return {"details": self.details, "attempts": self.attempts}


class RemoteError(TaskFailed):
    """The function raised what cannot be made here. type_name, message, traceback: as they were there."""

    def __init__(self, type_name: str, message: str, traceback: str = "", task_id: str = "") -> None:
        super().__init__(message, task_id, "raised", traceback)
        self.type_name = type_name

    def __str__(self) -> str:
        return "%s: %s" % (self.type_name, self.message)

    def __reduce__(self) -> Any:
        return type(self), (self.type_name, self.message, self.traceback, self.task_id), self._more()


class WorkerLost(TaskFailed):
    """Its worker or runner died more often than `max_attempts` allows."""


class TaskTimeout(TaskFailed):
    """Its time limit passed while it ran. Not a TimeoutError: that one is for waits of the caller."""


class TaskExpired(TaskFailed):
    """It was not started by `expires_at`."""


class TaskCanceled(TaskFailed, CancelledError):
    """It was canceled, here or by somebody else."""


class MemoryExceeded(TaskFailed):
    """It passed its memory limit."""


class LoadFailed(TaskFailed):
    """The worker cannot load the function or its arguments."""


class ResultTooLarge(TaskFailed):
    """Its result passes the service's limit."""


class RemoteTraceback(Exception):
    """The traceback of the worker, as the cause of what is raised here. attempts: as of a TaskFailed."""

    def __init__(self, text: str, attempts: Sequence[Dict[str, Any]] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.attempts = list(attempts)

    def __str__(self) -> str:
        return '\n"""\n%s"""' % self.text

    def __reduce__(self) -> Any:
        return type(self), (self.text, self.attempts)


# Error code of the API -> class; every code of packages/contract/src/errors.ts.
BY_CODE: Dict[str, Type[FaasError]] = {
    "invalid_json": BadRequestError,
    "invalid_frames": BadRequestError,
    "invalid_base64": BadRequestError,
    "invalid_pickle": BadRequestError,
    "not_callable": BadRequestError,
    "invalid_id": BadRequestError,
    "invalid_cursor": BadRequestError,
    "pickle_for_javascript": BadRequestError,
    "bad_request": BadRequestError,
    "unauthorized": AuthenticationError,
    "forbidden_host": PermissionDeniedError,
    "forbidden_origin": PermissionDeniedError,
    "route_not_found": ServiceTooOld,
    "function_not_found": NotFoundError,
    "key_not_found": NotFoundError,
    "task_not_found": NotFoundError,
    "method_not_allowed": ServiceTooOld,
    "result_form_not_stored": ResultFormError,
    "task_ended": ConflictError,
    "task_not_ended": ConflictError,
    "task_expired": ExpiredError,
    "body_too_large": TooLargeError,
    "args_too_large": TooLargeError,
    "code_too_large": TooLargeError,
    "exceeds_queue": TooLargeError,
    "url_too_long": BadRequestError,
    "unsupported_media_type": BadRequestError,
    "expectation_failed": BadRequestError,
    "validation_failed": ValidationError,
    "not_self_contained": NotSelfContained,
    "idempotency_key_reused": IdempotencyError,
    "task_failed": TaskFailed,
    "task_canceled": TaskCanceled,
    "queue_full": QueueFull,
    "rate_limited": RateLimitedError,
    "headers_too_large": BadRequestError,
    "internal": InternalError,
    "store_unavailable": ServiceUnavailableError,
    "not_ready": ServiceUnavailableError,
    "shutting_down": ServiceUnavailableError,
    "task_lost": WorkerLost,
    "no_worker": NoWorkerError,
    "task_timed_out": TaskTimeout,
}

# Why a task ended without a value -> class; `raised` is not among them: there the function's own exception is raised.
BY_KIND: Dict[str, Type[FaasError]] = {
    "timed_out": TaskTimeout,
    "memory_exceeded": MemoryExceeded,
    "load_failed": LoadFailed,
    "result_not_serializable": SerializationError,
    "result_not_json": SerializationError,
    "result_too_large": ResultTooLarge,
    "version_mismatch": VersionMismatch,
    "lost": WorkerLost,
    "expired": TaskExpired,
    "canceled": TaskCanceled,
}


def of_kind(kind: str, message: str, task_id: str, traceback: str = "") -> FaasError:
    """The error of a task that the platform ended."""
    found = BY_KIND.get(kind, TaskFailed)
    if issubclass(found, TaskFailed):
        return found(message, task_id, kind, traceback)
    error = found("%s (task %s)" % (message, task_id))
    error.task_id, error.kind = task_id, kind
    return error


def of_problem(problem: Dict[str, Any], status: int) -> FaasError:
    """The error of an answer in problem details."""
    detail = str(problem.get("detail") or "The service answered %d." % status)
    found = BY_CODE.get(str(problem.get("code", ""))) or _of_status(status)
    if issubclass(found, ServiceError):
        return found(detail, problem)
    if issubclass(found, TaskFailed):
        return found(detail, str(problem.get("task_id", "")))
    return found(detail)


def _of_status(status: int) -> Type[ServiceError]:
    """Where the code says nothing: that of a newer service, or of something else."""
    if status == 429:
        return RateLimitedError
    return InternalError if status >= 500 else BadRequestError
