"""@function: a function that runs here when it is called, and elsewhere with `.remote`."""
import copy
import functools
import itertools
import os
import types
from typing import Any, Callable, Coroutine, Dict, Generic, Iterable, Optional, Tuple, TypeVar, Union, overload

from .callables import Decorated, options_of, unwrapped
from .executor import Executor
from .fork_lock import ForkLock
from .futures import TaskFuture
from .maps import Values
from .options import check_of_calls

T = TypeVar("T")
U = TypeVar("U")


class Function(Decorated, Generic[T]):
    """A decorated function. Its options are apart from its arguments: they are only in `options(…)`.

    f(x), f.local(x)   runs here
    f.remote(x)        a future of a call elsewhere
    f.map(xs)          values of many calls elsewhere, in order
    f.options(priority=5).remote(x)
    """

    def __init__(self, plain: Callable[..., T], options: Dict[str, Any]) -> None:
        super().__init__(plain, options)
        functools.update_wrapper(self, plain)

    def __call__(self, /, *args: Any, **kwargs: Any) -> T:
        """Runs here."""
        value: T = self.plain(*args, **kwargs)
        return value

    def local(self, /, *args: Any, **kwargs: Any) -> T:
        """Runs here."""
        value: T = self.plain(*args, **kwargs)
        return value

    @overload
    def remote(self: "Function[Coroutine[Any, Any, U]]", /, *args: Any, **kwargs: Any) -> TaskFuture[U]: ...

    @overload
    def remote(self, /, *args: Any, **kwargs: Any) -> TaskFuture[T]: ...

    def remote(self, /, *args: Any, **kwargs: Any) -> TaskFuture[Any]:
        """A call on the service of `configure`, or of MPCSFAAS_URL. Raises what Executor.submit raises."""
        return self._begin(args, kwargs)

    @overload
    def map(
        self: "Function[Coroutine[Any, Any, U]]",
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> Values[U]: ...

    @overload
    def map(
        self,
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        buffersize: Optional[int] = None,
        progress: bool = False,
    ) -> Values[T]: ...

    def map(self, *iterables: Iterable[Any], **how: Any) -> Values[Any]:
        """See Executor.map."""
        return self._begin_map(iterables, how)

    def _begin(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> TaskFuture[Any]:
        return _executor()._submit(self, args, kwargs, {})

    def _begin_map(self, iterables: Tuple[Iterable[Any], ...], how: Dict[str, Any]) -> Values[Any]:
        return _executor()._map(self, iterables, {}, **how)

    def options(self, /, **options: Any) -> "Function[T]":
        """The same function with other options (see mpcsfaas.options). Raises TypeError for what is none, and for `group`."""
        check_of_calls(options)
        return Function(self.plain, {**self.task_options, **options})

    def __get__(self, instance: Any, owner: Any = None) -> "Function[T]":
        return self if instance is None else Method(self, instance)

    def __reduce__(self) -> Any:
        # Where it arrives it is the plain function, which is its own copy: nothing of the SDK is needed there.
        return copy.copy, (self.plain,)


class Method(Function[T]):
    """A decorated method of an object. The object goes along as the first argument: the function is one for all objects, and
    what the call does to its copy is not seen here."""

    __slots__ = ("_instance", "_of_class")

    def __init__(self, of_class: Function[T], instance: Any) -> None:
        super().__init__(types.MethodType(of_class.plain, instance), of_class.task_options)
        self._of_class = of_class
        self._instance = instance

    def _begin(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> TaskFuture[Any]:
        return self._of_class._begin((self._instance, *args), kwargs)

    def _begin_map(self, iterables: Tuple[Iterable[Any], ...], how: Dict[str, Any]) -> Values[Any]:
        objects: Iterable[Any] = itertools.repeat(self._instance) if iterables else ()
        return self._of_class._begin_map((objects, *iterables), how)

    def options(self, /, **options: Any) -> "Method[T]":
        """See Function.options."""
        return Method(self._of_class.options(**options), self._instance)


@overload
def function(plain: Callable[..., T]) -> Function[T]: ...


@overload
def function(**options: Any) -> Callable[[Callable[..., T]], Function[T]]: ...


def function(plain: Optional[Callable[..., Any]] = None, **options: Any) -> Union[Function[Any], Callable[..., Any]]:
    """@function or @function(timeout=60.0, max_attempts=3): see Function, of methods Method. Raises TypeError for what is no
    option, for `group`, which is the Executor's, and for what is no function."""
    check_of_calls(options)
    return _decorated(plain, options) if plain is not None else lambda plain: _decorated(plain, options)


def _decorated(plain: Any, options: Dict[str, Any]) -> Function[Any]:
    if isinstance(plain, classmethod):
        raise TypeError("@function takes no class method: make %s a function, or a @staticmethod" % plain.__func__.__name__)
    if isinstance(plain, staticmethod):
        raise TypeError("@function stands below @staticmethod, next to %s itself" % plain.__func__.__name__)
    if not callable(plain):
        raise TypeError("@function takes a function, not %r; options have names: @function(timeout=60.0)" % (plain,))
    return Function(unwrapped(plain), {**options_of(plain), **options})


_settings: Dict[str, Any] = {}
_own: Dict[int, Executor] = {}
_lock = ForkLock()


def configure(url: Optional[str] = None, api_key: Optional[str] = None, **executor: Any) -> None:
    """Which service `.remote` and `.map` of decorated functions use; arguments as of Executor. Raises what Executor raises."""
    # What no Executor takes is refused here, not at the first call. This one never has a thread or a connection.
    Executor(url, api_key, **executor)
    with _lock:
        previous = _own.pop(os.getpid(), None)
        _settings.clear()
        _settings.update(executor, url=url, api_key=api_key)
    if previous is not None:
        previous.shutdown(wait=False)


def _executor() -> Executor:
    """This process's own, made when it is first needed."""
    found = _own.get(os.getpid())
    if found is None:
        with _lock:
            found = _own.get(os.getpid())
            if found is None:
                found = _own[os.getpid()] = Executor(**_settings)
    return found
