"""A function's value as the bytes that were asked for."""
import asyncio
import pickle
import types

from . import BUILTINS as __builtins__
from . import classes, failures, frames, json_value

_dumps = pickle.dumps
_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)


def awaited(value):
    """The value of a coroutine or another awaitable."""
    if asyncio.iscoroutine(value):
        return asyncio.run(value)

    async def wait():
        return await value

    return asyncio.run(wait())


def answer(value, flags, max_result):
    """The VALUE frame's parts, or Failed."""
    kind = type(value)
    if kind in _GENERATORS:
        raise failures.Failed('result_not_serializable', TypeError(
            'the function returned a generator, which cannot leave its process: return a list instead'))
    if kind is str or kind is bytes or kind is bytearray:
        _check(len(value), max_result)  # before a copy of it is made
    text, pickled = b'', None
    if flags & frames.WITH_JSON:
        text = json_value.dump(value)
        _check(len(text), max_result)
    if flags & frames.WITH_PICKLE:
        pickled = _pickle(value)
        _check(len(pickled), max_result)
    return frames.VALUE, text, pickled


def _pickle(value):
    try:
        return _dumps(value)
    except MemoryError:
        raise
    except BaseException as error:
        first = error
    try:
        return classes.dumps(value)
    except ImportError:
        pass
    except MemoryError:
        raise
    except BaseException as error:
        first = error
    raise failures.Failed('result_not_serializable', TypeError(
        'the result, of type %s, cannot be pickled (%s: %s): return plain data instead'
        % (failures.name_of(type(value)), failures.name_of(type(first)), failures.message_of(first))))


def _check(size, limit):
    if size > limit:
        raise failures.Failed('result_too_large', ValueError(
            'the result has %d bytes and the limit is %d (max_result_bytes, option --max-result-bytes): return less, '
            'or store it elsewhere and return where' % (size, limit)))
