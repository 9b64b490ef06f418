"""What a function is called with, decoded."""
import json
import pickle

from . import BUILTINS as __builtins__
from . import failures

_loads = pickle.loads
_json_loads = json.loads


def decode(data, as_json):
    """(args, kwargs), or Failed `load_failed`."""
    if as_json:
        return _from_json(data)
    try:
        # The C unpickler reads what dill writes too, except for what refers to __main__.
        decoded = _loads(data)
    except Exception as error:
        decoded = _with_dill(data, error)
    except BaseException as error:
        raise failures.Failed.loading('the arguments', error) from None
    if type(decoded) is tuple and len(decoded) == 2:
        args, kwargs = decoded
        if _is_a(args, tuple) and _is_a(kwargs, dict) and all(type(key) is str for key in kwargs):
            return args, kwargs
    raise failures.Failed('load_failed', TypeError(
        'the arguments must be the pickle of a pair (tuple of positional arguments, dict of keyword arguments with '
        'str keys), not of %s' % _shape(decoded)))


def _with_dill(data, first):
    try:
        import dill
    except ImportError:
        raise failures.Failed.loading('the arguments', first) from None
    try:
        return dill.loads(data)
    except BaseException as error:
        raise failures.Failed.loading('the arguments', error) from None


def _is_a(value, kind):
    # Unlike isinstance it asks the type alone: what a value says of itself may raise.
    return issubclass(type(value), kind)


def _from_json(data):
    try:
        decoded = _json_loads(bytes(data))
        return tuple(decoded.get('args', ())), dict(decoded.get('kwargs', {}))
    except Exception as error:
        raise failures.Failed.loading('the arguments', error) from None


def _shape(value):
    if type(value) is tuple:
        return '(' + ', '.join(type(item).__name__ for item in value[:4]) + (', …' if len(value) > 4 else '') + ')'
    return type(value).__name__
