"""Client: everything of the API, one method a thing. Times in seconds; answers as the API gives them, dicts of JSON."""
import functools
import json
import uuid
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, TypeVar, Union

from . import batches, ends, errors, frames, given, logs, shipment
from .batches import Entry
from .callables import options_of
from .followers import Followers
from .futures import Logs, Owner, TaskFuture
from .later import Later, is_in_loop
from .named import Callee, Named
from .options import on_the_wire
from .pickling import Arguments
from .registry import Registry
from .transport import PATIENCE, Transport, quoted
from .waits import Waits

T = TypeVar("T")
Json = Dict[str, Any]
_PAGE = 1000
# For threads that are to end, seconds: they may hang in a request.
_LEAVING = 2.0


class Client:
    """A client of one service. Thread-safe; its connections are reused and closed by `close` or `with`.

    url, api_key: MPCSFAAS_URL and MPCSFAAS_API_KEY where not given, then http://127.0.0.1:8000 without a key.
    patience: how long a service that is away or full is tried again, seconds.
    Every method raises FaasError: ServiceUnreachable, a ServiceError for what the service refuses.
    """

    def __init__(self, url: Optional[str] = None, api_key: Optional[str] = None, *, patience: float = PATIENCE) -> None:
        """Connects to nobody yet. Raises ValueError for what is no URL."""
        self._transport = Transport(url, api_key, patience)
        self._registry = Registry(self._transport)
        self._waits = Waits(self._transport, self)
        self._arguments = Arguments()
        self._followers = Followers(self._transport, patience)
        self._later = Later(self.cancel_many, "mpcsfaas-cancels")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends its connections and threads. Futures that have not ended fail with ClientClosed; their tasks go on. Idempotent."""
        self._followers.close(_LEAVING)
        self._later.join(_LEAVING)
        self._transport.close()

    def __reduce__(self) -> Any:
        raise errors.SerializationError(
            "a Client cannot go along to where a function runs: it holds this process's connections; pass what it has told, or "
            "make one there, where this package is installed"
        )

    # Functions.

    def register(
        self,
        function: Union[Callable[..., Any], str],
        *,
        name: Optional[str] = None,
        entry: str = "",
        runtime: str = "python",
        description: str = "",
        **options: Any,
    ) -> Json:
        """Registers a function, or source text (`entry`: which function of it; `runtime`: "python" or "javascript").

        options: defaults of its tasks. The same name, code and options again are the same version. Raises
        SerializationError, VersionMismatch.
        """
        if not isinstance(function, str):
            given.check_function(function, "register")
            shipped = shipment.shipment_of(function)
            return self._registry.register(shipped, name or shipped.name, {**options_of(function), **options}, description)
        if name is None:
            raise TypeError("source text needs a name: register(source, name='double')")
        body = {"name": name, "runtime": runtime, "source": function, "entry": entry, "description": description}
        answer: Json = self._transport.call("POST", "/v1/functions", {**body, "options": on_the_wire(options)})
        return answer

    def functions(self) -> Iterator[Json]:
        """All functions, newest first; read page by page."""
        return self._pages("/v1/functions", {})

    def function(self, ref: str) -> Json:
        """One by id, name (the newest version) or name@version."""
        return self._get("/v1/functions/" + quoted(ref))

    def delete_function(self, ref: str) -> int:
        """Deletes one version, or all of a name; answers how many, 1 where that answer was lost on its way. What was submitted
        still runs."""
        try:
            return int(self._transport.call("DELETE", "/v1/functions/" + quoted(ref))["deleted"])
        except errors.NotFoundError as error:
            if not error.is_repeated:
                raise
            # The try before has deleted it.
            return 1

    # Tasks.

    def submit(
        self,
        function: Callee,
        args: Sequence[Any] = (),
        kwargs: Optional[Mapping[str, Any]] = None,
        *,
        key: Optional[str] = None,
        as_json: bool = False,
        **options: Any,
    ) -> str:
        """Queues one call and answers its task's id. key: the same key and content again is the same task.
        as_json: arguments and result as JSON, which a JavaScript function needs."""
        given.check_arguments(function, args)
        given.check_named_arguments(function, kwargs)
        named = Named(self._registry, function)
        entry = self._entry(function, args, kwargs, as_json, options)
        task = given.json_of(function, entry.in_frame(0))

        def send(ref: str) -> str:
            body = frames.encode(batches.of_function(ref, task), entry.frames)
            return self._submit("/v1/tasks", body, key, lambda told: str(told["task_id"]))

        return named.sent(send)

    def batch(
        self,
        function: Callee,
        calls: Iterable[Sequence[Any]],
        *,
        key: Optional[str] = None,
        as_json: bool = False,
        **options: Any,
    ) -> List[str]:
        """Queues many calls of one function, each given by its positional arguments; answers their tasks' ids in order. More than
        10,000 calls, or 32 MiB of them, go in several requests: where a later one fails, or `calls` does, whatever is raised has
        the `task_ids` of those that are queued."""
        given.check_calls(function, calls)
        ids: List[str] = []
        try:
            named = Named(self._registry, function)
            entries = (self._entry(function, args, None, as_json, options) for args in given.each(function, calls))
            for request in batches.requests(entries, lambda entry: given.json_of(function, entry)):
                ids += named.sent(functools.partial(self._submit_many, request, key))
        except BaseException as error:
            # Whatever its class makes of attributes.
            BaseException.__setattr__(error, "task_ids", ids)
            raise
        return ids

    def get(self, task_id: str) -> Json:
        """The task: status, times, attempts, why it waits."""
        return self._get("/v1/tasks/" + quoted(task_id))

    def wait(self, task_id: str, timeout: Optional[float] = None) -> Any:
        """The value. Raises what the function raised, or what else ended it; TimeoutError after `timeout` seconds, also where
        the service is away meanwhile; ClientClosed where the client is."""
        return self._waits.value(task_id, timeout)

    def results(self, task_ids: Iterable[str], timeout: Optional[float] = None) -> "Iterator[TaskFuture[Any]]":
        """Futures of these tasks, each when its task has ended, in no order: `future.task_id`, in small letters, and
        `future.result()`. One that the service does not have has failed with NotFoundError or ExpiredError. Raises TimeoutError where some have not ended `timeout` seconds
        after the first was asked for, also where the service is away meanwhile, and ClientClosed where the client is closed before."""
        return self._waits.ended(task_ids, timeout)

    def cancel(self, task_id: str) -> Json:
        """Cancels a task that has not ended, also one that runs. Raises ConflictError where another end came first."""
        answer: Json = self._transport.call("POST", "/v1/tasks/%s/cancel" % quoted(task_id), {})
        return answer

    def cancel_many(self, task_ids: Sequence[str], *, only_waiting: bool = False) -> Json:
        """Cancels many: {"canceled", "running", "ended", "unknown"}, lists of ids. only_waiting: lets be what runs."""
        body = {"task_ids": list(task_ids), "only_waiting": only_waiting}
        answer: Json = self._transport.call("POST", "/v1/tasks/cancel", body)
        return answer

    def retry(self, task_id: str) -> str:
        """Runs an ended task again as a new one; answers its id."""
        path = "/v1/tasks/%s/retry" % quoted(task_id)
        return str(self._transport.call("POST", path, {}, safe=False)["task_id"])

    def pin(self, task_id: str, pinned: bool = True) -> Json:
        """Keeps a task and its result until it is unpinned."""
        answer: Json = self._transport.call("POST", "/v1/tasks/%s/pin" % quoted(task_id), {"pinned": pinned})
        return answer

    def list(
        self,
        *,
        status: Union[str, Sequence[str], None] = None,
        function: Optional[str] = None,
        group: Optional[str] = None,
        tag: Optional[str] = None,
        since: Optional[str] = None,
        until: Optional[str] = None,
    ) -> Iterator[Json]:
        """Tasks, newest first; read page by page. since, until: RFC 3339."""
        query = {"status": status, "function": function, "group": group, "tag": tag, "since": since, "until": until}
        given.check_filters(query)
        return self._pages("/v1/tasks", query)

    def logs(self, task_id: str) -> Logs:
        """What the newest attempt printed: the text of stdout, with `.stderr`."""
        return Logs.of(self._get("/v1/tasks/%s/logs" % quoted(task_id)))

    def follow(self, task_id: str) -> Iterator[Json]:
        """What it prints, as it prints it, until it has ended: {"attempt", "stream", "offset", "text"}; with "dropped_bytes" where so
        many before it were not kept."""
        return logs.follow(self._transport, task_id)

    def task(self, task_id: str) -> "Task":
        """A handle on a task that exists: client.task(id).future()."""
        return Task(self, task_id)

    # What runs there.

    def workers(self) -> Json:
        """{"items": workers, "dispatchers": …}."""
        return self._get("/v1/workers")

    def stats(self) -> Json:
        """Counts of tasks since the store was made, and what is in the queue now."""
        return self._get("/v1/stats")

    def version(self) -> Json:
        """Of the service, its Node and its store."""
        return self._get("/v1/version")

    def keys(self) -> List[Json]:
        """API keys, without the secrets."""
        found: List[Json] = self._get("/v1/keys")["items"]
        return found

    def create_key(self, name: str) -> Json:
        """A new API key; `key` is shown this once."""
        answer: Json = self._transport.call("POST", "/v1/keys", {"name": name}, safe=False)
        return answer

    def revoke_key(self, key_id: str) -> None:
        """It is no longer taken."""
        try:
            self._transport.call("DELETE", "/v1/keys/" + quoted(key_id))
        except errors.NotFoundError as error:
            if not error.is_repeated:
                raise

    def events(
        self,
        *,
        group: Optional[str] = None,
        function: Optional[str] = None,
        task_id: Union[str, Sequence[str], None] = None,
        after: str = "",
    ) -> Iterator[Json]:
        """Ends of tasks as they happen, until `close`: {"event", "id", "task_id", "status", "kind", "group"}.

        It connects before it returns: what ends from then on is told, whenever it is read. Over a cut connection it goes on
        after the last one. `after`: an `id`, to go on from. An item whose event is "reset" says that some were missed.
        """
        query = {"group": group, "function": function, "task_id": task_id}
        given.check_filters(query)
        given.check_place(after)
        return ends.follow(self._transport, query, after)

    # Our own.

    def _future(self, task_id: str, until: Optional[float] = None, owner: Optional[Owner] = None) -> "TaskFuture[Any]":
        record = self._get("/v1/tasks/" + quoted(task_id), until)
        # The id as the service tells it, by which its end is told too: whoever asks may write it in capitals.
        future: TaskFuture[Any] = TaskFuture(owner or self, record["task_id"], record["function"]["name"])
        self._followers.add(record["options"]["group"], future)
        return future

    def _leave(self, future: "TaskFuture[Any]") -> None:
        """Nobody waits for it any more."""
        self._followers.leave(future)

    def cancel_task(self, future: "TaskFuture[Any]") -> bool:
        """See TaskFuture.cancel."""
        if is_in_loop():
            is_canceled = future._settle_canceled()
            self._later.add(future.task_id)
            return is_canceled
        try:
            self.cancel(future.task_id)
        except (errors.ConflictError, errors.NotFoundError, errors.ExpiredError):
            return future.cancelled()
        return future._settle_canceled()

    def task_call(self, method: str, path: str) -> Any:
        """A request about a task."""
        return self._transport.call(method, path)

    def is_bringing(self) -> bool:
        """See futures.Owner."""
        return self._followers.is_bringing()

    def _get(self, path: str, until: Optional[float] = None) -> Json:
        answer: Json = self._transport.call("GET", path, until=until)
        return answer

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[Json]:
        cursor: Optional[str] = None
        while cursor != "":
            page = self._transport.call("GET", path, query={**query, "limit": _PAGE, "cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]

    def _entry(
        self,
        function: Callee,
        args: Sequence[Any],
        kwargs: Optional[Mapping[str, Any]],
        as_json: bool,
        options: Mapping[str, Any],
    ) -> Entry:
        wire = on_the_wire({**options_of(function), **options})
        fields: Json = {"options": wire}
        if as_json:
            return Entry({**fields, "args": list(args), "kwargs": dict(kwargs or {})}, None)
        data = self._arguments.dumps(function, tuple(args), dict(kwargs or {}))
        self._registry.check_arguments(function, data)
        return Entry(fields, data)

    def _submit_many(self, request: batches.Request, key: Optional[str], ref: str) -> List[str]:
        part_key = key if key is None or request.number is None else "%s.%d" % (key, request.number)
        body = frames.encode(request.json_of(ref), request.frames)
        return self._submit("/v1/tasks/batch", body, part_key, lambda told: list(map(str, told["task_ids"])))

    def _submit(self, path: str, body: Sequence[bytes], key: Optional[str], ids: Callable[[Any], T]) -> T:
        """`ids` of the answer."""
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ValueError("an idempotency key has printable ASCII characters alone, not %r" % key)
        headers = {
            "Content-Type": frames.MEDIA_TYPE,
            "Accept": "application/json",
            "Idempotency-Key": key or uuid.uuid4().hex,
        }
        answer = self._transport.send("POST", path, headers, body)
        return self._transport.read(answer, lambda content: ids(json.loads(content)))


class Task:
    """A handle on a task of the service."""

    def __init__(self, client: Client, task_id: str) -> None:
        self.task_id = task_id
        self._client = client

    def future(self) -> "TaskFuture[Any]":
        """A future of its end, whoever submitted it. Raises NotFoundError, ExpiredError."""
        return self._client._future(self.task_id)

    def record(self) -> Json:
        """See Client.get."""
        return self._client.get(self.task_id)

    def result(self, timeout: Optional[float] = None) -> Any:
        """See Client.wait."""
        return self._client.wait(self.task_id, timeout)

    def logs(self) -> Logs:
        """See Client.logs."""
        return self._client.logs(self.task_id)

    def cancel(self) -> Json:
        """See Client.cancel."""
        return self._client.cancel(self.task_id)
