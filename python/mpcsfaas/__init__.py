"""The Python SDK of MPCSFaaS: ship a function, call it from anywhere.

    from mpcsfaas import Executor
    with Executor() as ex:
        print(ex.submit(pow, 2, 10).result())

Executor     a concurrent.futures.Executor            function   the decorator: f.remote(x), f.map(xs)
Client       everything of the API                    AsyncClient  the same names, awaited
errors       one class per thing a caller handles differently; the tree is drawn there
"""
from .aclient import AsyncClient
from .client import Client
from .errors import (
    AuthenticationError,
    BadRequestError,
    ClientClosed,
    ConflictError,
    ExpiredError,
    FaasError,
    IdempotencyError,
    InternalError,
    LoadFailed,
    MemoryExceeded,
    NoService,
    NotFoundError,
    NotHere,
    NotSelfContained,
    NoWorkerError,
    NoWorkerWarning,
    PermissionDeniedError,
    QueueFull,
    RateLimitedError,
    RemoteError,
    ResultFormError,
    ResultTooLarge,
    SerializationError,
    ServiceError,
    ServiceTooOld,
    ServiceUnavailableError,
    ServiceUnreachable,
    TaskCanceled,
    TaskExpired,
    TaskFailed,
    TaskTimeout,
    TooLargeError,
    ValidationError,
    VersionMismatch,
    WorkerLost,
)
from .executor import Executor
from .function import Function, configure, function
from .futures import Logs, TaskFuture
from .versions import __version__

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ClientClosed",
    "ConflictError",
    "Executor",
    "ExpiredError",
    "FaasError",
    "Function",
    "IdempotencyError",
    "InternalError",
    "LoadFailed",
    "Logs",
    "MemoryExceeded",
    "NoService",
    "NoWorkerError",
    "NoWorkerWarning",
    "NotFoundError",
    "NotHere",
    "NotSelfContained",
    "PermissionDeniedError",
    "QueueFull",
    "RateLimitedError",
    "RemoteError",
    "ResultFormError",
    "ResultTooLarge",
    "SerializationError",
    "ServiceError",
    "ServiceTooOld",
    "ServiceUnavailableError",
    "ServiceUnreachable",
    "TaskCanceled",
    "TaskExpired",
    "TaskFailed",
    "TaskFuture",
    "TaskTimeout",
    "TooLargeError",
    "ValidationError",
    "VersionMismatch",
    "WorkerLost",
    "__version__",
    "configure",
    "function",
]
