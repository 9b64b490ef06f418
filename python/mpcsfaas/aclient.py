"""AsyncClient: the names of Client, awaited. Each call runs in a thread of a pool (calls.py), each stream in one of its own:
streams last, and the pool is small.
"""
import asyncio
import itertools
import logging
import threading
import time
import weakref
from typing import Any, AsyncIterator, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, TypeVar, Union

from .calls import Calls
from .client import Client
from .errors import AWAY, ClientClosed
from .futures import Logs, TaskFuture
from .named import Callee
from .transport import PATIENCE
from .waits import NOTHING, late

T = TypeVar("T")
Json = Dict[str, Any]
_log = logging.getLogger("mpcsfaas")
# Items of a listing that are handed over together.
_PORTION = 500
# Items of a stream that are read ahead of who takes them.
_AHEAD = 500
# How long whoever closes waits for cancels that are under way, seconds.
_LEAVING = 2.0


class AsyncClient:
    """See Client for what each method takes, answers and raises; listings and streams are asynchronous iterators."""

    def __init__(self, url: Optional[str] = None, api_key: Optional[str] = None, *, patience: float = PATIENCE) -> None:
        """Connects to nobody yet. Raises ValueError for what is no URL."""
        self._client = Client(url, api_key, patience=patience)
        self._calls = Calls()
        self._cancels: "Set[asyncio.Future[bool]]" = set()
        self._another: Callable[[], Client] = lambda: Client(self._client._transport.address.url, api_key, patience=patience)
        self._streaming: "weakref.WeakSet[Client]" = weakref.WeakSet()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """See Client.close."""
        for client in list(self._streaming):
            client.close()
        # The cancel of a future that was canceled just before begins in the loop's next round.
        await asyncio.sleep(0)
        if self._cancels:
            # They may hang: the service is not waited for any longer than by whoever leaves an executor.
            await asyncio.wait(set(self._cancels), timeout=_LEAVING)
        self._calls.close()
        # All of its threads may hang.
        last = Calls()
        try:
            await last.run(self._client.close)
        finally:
            last.close()

    def __reduce__(self) -> Any:
        return self._client.__reduce__()

    async def register(
        self,
        function: Union[Callable[..., Any], str],
        *,
        name: Optional[str] = None,
        entry: str = "",
        runtime: str = "python",
        description: str = "",
        **options: Any,
    ) -> Json:
        """See Client.register."""
        return await self._calls.run(
            self._client.register,
            function,
            name=name,
            entry=entry,
            runtime=runtime,
            description=description,
            **options,
        )

    def functions(self) -> AsyncIterator[Json]:
        """See Client.functions."""
        return _each(self._calls, self._client.functions, _PORTION)

    async def function(self, ref: str) -> Json:
        """See Client.function."""
        return await self._calls.run(self._client.function, ref)

    async def delete_function(self, ref: str) -> int:
        """See Client.delete_function."""
        return await self._calls.run(self._client.delete_function, ref)

    async def submit(
        self,
        function: Callee,
        args: Sequence[Any] = (),
        kwargs: Optional[Mapping[str, Any]] = None,
        *,
        key: Optional[str] = None,
        as_json: bool = False,
        **options: Any,
    ) -> str:
        """See Client.submit."""
        return await self._calls.run(self._client.submit, function, args, kwargs, key=key, as_json=as_json, **options)

    async def batch(
        self,
        function: Callee,
        calls: Iterable[Sequence[Any]],
        *,
        key: Optional[str] = None,
        as_json: bool = False,
        **options: Any,
    ) -> List[str]:
        """See Client.batch."""
        return await self._calls.run(self._client.batch, function, calls, key=key, as_json=as_json, **options)

    async def get(self, task_id: str) -> Json:
        """See Client.get."""
        return await self._calls.run(self._client.get, task_id)

    async def wait(self, task_id: str, timeout: Optional[float] = None) -> Any:
        """See Client.wait. It follows the task's end; all that wait for tasks of one group share a thread and a connection. Where
        it is canceled, that is over at once and the task goes on."""
        until = None if timeout is None else time.monotonic() + timeout
        try:
            ended = await self._calls.begin(lambda: self._client._future(task_id, until), self._client._leave)
        except AWAY as error:
            if until is None or time.monotonic() < until:
                raise
            raise late(task_id, timeout) from error
        try:
            future = asyncio.wrap_future(ended)
            # It is no fault of anybody where it ends after the wait.
            future.add_done_callback(lambda future: future.cancelled() or future.exception())
            # A wait that is over, or canceled, is no reason to cancel the task: asyncio.wait leaves it alone.
            await asyncio.wait([future], timeout=None if until is None else max(0.0, until - time.monotonic()))
        finally:
            self._client._leave(ended)
        if not future.done():
            # It may have ended, and the word of that be on its way.
            value = await self._calls.run(self._client._waits.value_within, task_id, 0.0, timeout, until)
            if value is NOTHING:
                raise late(task_id, timeout)
            return value
        # asyncio's own CancelledError would say that the caller is canceled.
        return ended.result() if future.cancelled() else future.result()

    def results(self, task_ids: Iterable[str], timeout: Optional[float] = None) -> "AsyncIterator[TaskFuture[Any]]":
        """See Client.results; each future has ended, so that its `result()` waits for nobody."""
        return self._stream(lambda client: client.results(task_ids, timeout), is_finite=True)

    async def cancel(self, task_id: str) -> Json:
        """See Client.cancel."""
        return await self._calls.run(self._client.cancel, task_id)

    async def cancel_many(self, task_ids: Sequence[str], *, only_waiting: bool = False) -> Json:
        """See Client.cancel_many."""
        return await self._calls.run(self._client.cancel_many, task_ids, only_waiting=only_waiting)

    async def retry(self, task_id: str) -> str:
        """See Client.retry."""
        return await self._calls.run(self._client.retry, task_id)

    async def pin(self, task_id: str, pinned: bool = True) -> Json:
        """See Client.pin."""
        return await self._calls.run(self._client.pin, task_id, pinned)

    def list(self, **filters: Any) -> AsyncIterator[Json]:
        """See Client.list."""
        return _each(self._calls, lambda: self._client.list(**filters), _PORTION)

    async def logs(self, task_id: str) -> Logs:
        """See Client.logs."""
        return await self._calls.run(self._client.logs, task_id)

    def follow(self, task_id: str) -> AsyncIterator[Json]:
        """See Client.follow."""
        return self._stream(lambda client: client.follow(task_id))

    def task(self, task_id: str) -> "AsyncTask":
        """See Client.task."""
        return AsyncTask(self, task_id)

    async def workers(self) -> Json:
        """See Client.workers."""
        return await self._calls.run(self._client.workers)

    async def stats(self) -> Json:
        """See Client.stats."""
        return await self._calls.run(self._client.stats)

    async def version(self) -> Json:
        """See Client.version."""
        return await self._calls.run(self._client.version)

    async def keys(self) -> List[Json]:
        """See Client.keys."""
        return await self._calls.run(self._client.keys)

    async def create_key(self, name: str) -> Json:
        """See Client.create_key."""
        return await self._calls.run(self._client.create_key, name)

    async def revoke_key(self, key_id: str) -> None:
        """See Client.revoke_key."""
        await self._calls.run(self._client.revoke_key, key_id)

    def events(self, **filters: Any) -> AsyncIterator[Json]:
        """See Client.events. It connects with the first `async for` step, and tells what ends from then on."""
        return self._stream(lambda client: client.events(**filters))

    async def _stream(self, begin: Callable[[Client], Iterator[T]], is_finite: bool = False) -> AsyncIterator[T]:
        """What a stream tells, read by a thread of its own. It has a client of its own, too: closing that one ends the
        thread, whatever it waits for. is_finite: it is over when all has been told, and raises ClientClosed where that was cut off;
        one without an end ends with the client."""
        client = self._another()
        self._streaming.add(client)
        loop = asyncio.get_running_loop()
        told: "asyncio.Queue[Any]" = asyncio.Queue()
        room = threading.Semaphore(_AHEAD)

        def read() -> None:
            end: Optional[BaseException] = None
            try:
                for item in begin(client):
                    room.acquire()
                    if client._transport.is_closed:
                        if is_finite:
                            raise ClientClosed("The client was closed before all that had ended was told; the tasks go on.")
                        break
                    loop.call_soon_threadsafe(told.put_nowait, item)
            except BaseException as error:
                end = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(told.put_nowait, end)

        threading.Thread(target=read, name="mpcsfaas-stream", daemon=True).start()
        try:
            while True:
                item = await told.get()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                room.release()
                yield item
        finally:
            client.close()
            room.release()


class AsyncTask:
    """See client.Task."""

    def __init__(self, client: AsyncClient, task_id: str) -> None:
        self.task_id = task_id
        self._client = client

    async def future(self) -> "asyncio.Future[Any]":
        """An asyncio future of its end. Canceling that one cancels the task, and it is canceled where the task is; `result`
        tells that as TaskCanceled."""
        client = self._client
        owner = _Owner(client)
        ended = await client._calls.begin(lambda: client._client._future(self.task_id, None, owner), client._client._leave)
        return asyncio.wrap_future(ended)

    async def record(self) -> Json:
        """See Client.get."""
        return await self._client.get(self.task_id)

    async def result(self, timeout: Optional[float] = None) -> Any:
        """See AsyncClient.wait."""
        return await self._client.wait(self.task_id, timeout)

    async def logs(self) -> Logs:
        """See Client.logs."""
        return await self._client.logs(self.task_id)

    async def cancel(self) -> Json:
        """See Client.cancel."""
        return await self._client.cancel(self.task_id)


class _Owner:
    """Of the futures behind those of a loop: asyncio cancels one in the loop's own thread, which must not wait for the service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def cancel_task(self, future: "TaskFuture[Any]") -> bool:
        """Begins to. Nobody asks what became of it: the future of the loop is canceled already."""
        client = self._client
        cancel = client._calls.begin(lambda: client._client.cancel_task(future))
        client._cancels.add(cancel)
        cancel.add_done_callback(client._cancels.discard)
        cancel.add_done_callback(_told)
        return True

    def task_call(self, method: str, path: str) -> Any:
        """See futures.Owner."""
        return self._client._client.task_call(method, path)

    def is_bringing(self) -> bool:
        """See futures.Owner."""
        return self._client._client.is_bringing()


def _told(cancel: "asyncio.Future[bool]") -> None:
    if not cancel.cancelled() and cancel.exception() is not None:
        _log.warning("a task whose future was canceled could not be canceled: %s", cancel.exception())


async def _each(calls: Calls, begin: Callable[[], Iterator[Json]], portion: int) -> AsyncIterator[Json]:
    """What a listing has, read so many at a time."""
    items = await calls.run(begin)
    while True:
        some = await calls.run(lambda: list(itertools.islice(items, portion)))
        for item in some:
            yield item
        if len(some) < portion:
            return
