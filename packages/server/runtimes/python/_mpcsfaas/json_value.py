"""Python values as JSON, by the table of docs/json.md."""
import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import sys
import uuid

from . import BUILTINS as __builtins__
from . import failures

MAX_EXACT = 2 ** 53 - 1
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(',', ':'), check_circular=False).encode


def dump(value):
    """JSON text as UTF-8 bytes, or Failed `result_not_json` that names the place."""
    try:
        return _encode(_plain(value, '$', ())).encode('utf-8')
    except RecursionError:
        raise _misfit('$', 'it is nested too deeply') from None
    except UnicodeEncodeError:
        raise _misfit('$', 'a string holds a lone surrogate, which UTF-8 cannot say') from None
    except (failures.Failed, MemoryError):
        raise
    except BaseException as error:
        raise _unreadable('$', error) from None


def _misfit(path, why):
    return failures.Failed('result_not_json', TypeError(
        'the result does not fit into JSON at %s: %s. Ask for the result as a pickle, or return something else.'
        % (path, why)))


def _unreadable(path, error):
    return _misfit(path, 'reading it raised %s: %s' % (failures.name_of(type(error)), failures.message_of(error)))


def _plain(value, path, above):
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return _integer(value, path)
    if kind is float:
        return _number(value, path)
    if kind is list or kind is tuple:
        return _array(value, path, above)
    if kind is dict:
        return _object(value, path, above)
    return _special(value, path, above)


def _integer(value, path):
    if -MAX_EXACT <= value <= MAX_EXACT:
        return value
    raise _misfit(path, 'the integer %s is beyond 2^53 - 1, where JSON readers lose digits; return it as a string'
                  % (value if abs(value) < 10 ** 40 else 'there'))


def _number(value, path):
    if math.isfinite(value):
        return value
    raise _misfit(path, 'JSON has no %r' % value)


def _array(values, path, above):
    above = _within(values, path, above)
    return [_plain(value, '%s[%d]' % (path, index), above) for index, value in enumerate(values)]


def _object(values, path, above):
    above = _within(values, path, above)
    out = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise _misfit(path, 'the key %.100r is of type %s, and JSON has only string keys'
                          % (key, failures.name_of(type(key))))
        out[str(key)] = _plain(value, '%s.%s' % (path, key), above)
    return out


def _within(value, path, above):
    if id(value) in above:
        raise _misfit(path, 'it contains itself')
    return above + (id(value),)


def _special(value, path, above):
    """A value of a type that is none of JSON's own: it may run users' code, which may raise anything."""
    try:
        return _converted(value, path, above)
    except (failures.Failed, RecursionError, MemoryError):
        raise
    except BaseException as error:
        raise _unreadable(path, error) from None


def _converted(value, path, above):
    if isinstance(value, enum.Enum):
        return _plain(value.value, path, above)
    if isinstance(value, bool) or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _integer(int(value), path)
    if isinstance(value, float):
        return _number(float(value), path)
    if isinstance(value, datetime.datetime):
        text = value.isoformat()
        return text[:-6] + 'Z' if value.tzinfo is not None and text.endswith('+00:00') else text
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal) or isinstance(value, uuid.UUID) or isinstance(value, pathlib.PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, path, above)
    if isinstance(value, (set, frozenset)):
        return _array(_sorted(value), path, above)
    if isinstance(value, (list, tuple)):
        return _array(value, path, above)
    if isinstance(value, dict):
        return _object(value, path, above)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise _misfit(path, 'JSON has no bytes; return text, for example base64')
    numpy = sys.modules.get('numpy')
    if numpy is not None and isinstance(value, (numpy.generic, numpy.ndarray)):
        return _plain(value.tolist(), path, above)
    raise _misfit(path, 'JSON has nothing for the type %s' % failures.name_of(type(value)))


def _sorted(values):
    try:
        return sorted(values)
    except TypeError:
        return list(values)
