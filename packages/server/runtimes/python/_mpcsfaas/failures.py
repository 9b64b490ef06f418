"""Exceptions as data for the platform and as pickles for Python callers."""
import io
import json
import os
import pickle
import sys
import traceback

from . import BUILTINS as __builtins__
from . import classes, frames

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MAX_TEXT = 64 * 1024
_json_dumps = json.dumps

# What CPython says when it meets byte code of another version.
_OTHER_BYTECODE = ('unknown opcode', 'bad marshal', 'code expected at least', 'code() takes', 'code() argument',
                   'an integer is required (got type bytes)', 'code: co_')


# Of a class and of an exception, whatever their metaclass or their own properties say.
name_of = type.__dict__['__name__'].__get__
_mro_of = type.__dict__['__mro__'].__get__
_trace_of = BaseException.__dict__['__traceback__'].__get__
_with_trace = BaseException.with_traceback


class Failed(Exception):
    """A call that ends as a failure of `kind` with the exception `error`."""

    def __init__(self, kind, error):
        super().__init__(kind)
        self.kind = kind
        self.error = error

    @classmethod
    def loading(cls, what, error):
        """`what` ('the function', 'the arguments') could not be loaded because of `error`."""
        if is_other_bytecode(error):
            return cls('version_mismatch', other_version(error))
        text = 'cannot load %s: %s: %s' % (what, name_of(type(error)), message_of(error))
        if type(error) is ModuleNotFoundError and error.name:
            text = ("cannot load %s: the module '%s' is not on the import path of this worker. Install it for its "
                    "Python, or start the worker with --python-path DIR, the folder that holds it." % (what, error.name))
            explained = ModuleNotFoundError(text, name=error.name)
        else:
            explained = type(error)(text) if type(error) in _PLAIN else RuntimeError(text)
        explained.__cause__ = None
        explained.__traceback__ = _trace_of(error)
        return cls('load_failed', explained)


# Exceptions that one text makes whole.
_PLAIN = {AttributeError, EOFError, ImportError, IndentationError, IndexError, KeyError, NameError, RuntimeError,
          SyntaxError, TabError, TypeError, ValueError, pickle.UnpicklingError}


def is_other_bytecode(error):
    if not issubclass(type(error), (SystemError, TypeError, ValueError)):
        return False
    text = message_of(error)
    return any(mark in text for mark in _OTHER_BYTECODE)


def other_version(error, made_by=''):
    ours = '%d.%d' % sys.version_info[:2]
    theirs = 'Python ' + made_by if made_by else 'another Python version'
    return RuntimeError(
        'the function was pickled by %s and this worker runs Python %s: pickled byte code runs only on the minor '
        'version that made it. Use the same version on both sides (worker option --python), or send the function as '
        'source.%s' % (theirs, ours, ' (%s: %s)' % (name_of(type(error)), message_of(error)) if error else ''))


def report(doing, error, function, limit, with_pickle):
    """The FAILURE frame's parts for what came out of a call that was `doing`: the kind that this is a failure of."""
    try:
        return _answer(*_cause(doing, error, function, limit), with_pickle)
    except BaseException:
        return unshown(doing, with_pickle)


def unshown(kind, with_pickle):
    """The FAILURE frame's parts where the exception raises while it is read."""
    text, pickled = _UNSHOWN[kind]
    return frames.FAILURE, text, pickled if with_pickle else None


def _cause(doing, error, function, limit):
    """Kind and exception."""
    kind = type(error)
    if kind is Failed and doing != 'raised':
        return error.kind, error.error
    if limit and issubclass(kind, MemoryError):
        return 'memory_exceeded', error
    if doing == 'raised' and function.by_value and issubclass(kind, SystemError) and is_other_bytecode(error):
        return 'version_mismatch', error
    return doing, error


def _answer(kind, error, with_pickle):
    if kind == 'version_mismatch' and issubclass(type(error), SystemError):
        error = other_version(error)
    info = {
        'kind': kind,
        'type': name_of(type(error)),
        'message': _bounded(message_of(error)),
        'traceback': _traceback(error),
        'bases': [name_of(base) for base in _mro_of(type(error))[1:] if base is not object],
    }
    text = _json_dumps(info).encode()
    return frames.FAILURE, text, _pickled(error, info) if with_pickle else None


def message_of(error):
    try:
        return _sayable(str(error))
    except BaseException as second:
        return '(its text cannot be shown: __str__ raised %s)' % name_of(type(second))


def _sayable(text):
    """A lone surrogate, which UTF-8 cannot say, as its escape: every reader then sees the same text."""
    return str.encode(text, 'utf-8', 'backslashreplace').decode()


def _bounded(text):
    if len(text) <= _MAX_TEXT:
        return text
    half = _MAX_TEXT // 2
    return '%s\n… %d characters left out …\n%s' % (text[:half], len(text) - 2 * half, text[-half:])


def _traceback(error):
    """As Python prints it, without the frames of this package."""
    trace = _trace_of(error)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    if trace is None:
        return ''
    try:
        return _bounded(_sayable(''.join(traceback.format_exception(type(error), error, trace))))
    except BaseException:
        return ''.join(traceback.format_tb(trace))


def _pickled(error, info):
    """The exception itself; where it does not survive a pickle, one that says the same."""
    trace = _trace_of(error)
    _with_trace(error, None)
    try:
        for dumps, loads in _picklers():
            try:
                data = dumps(error)
                if issubclass(type(loads(data)), BaseException) and len(data) <= 16 * 1024 * 1024:
                    return data
            except BaseException:
                continue
    finally:
        _with_trace(error, trace)
    text = '%s: %s' % (info['type'], info['message'])
    if info['traceback']:
        text += '\n\n' + info['traceback']
    return pickle.dumps(RuntimeError(text))


def _picklers():
    yield pickle.dumps, pickle.loads
    try:
        import dill
    except ImportError:
        return
    yield classes.dumps, dill.loads
    yield lambda error: classes.dumps(error, by_parts=True), dill.loads


def _unshown(kind):
    text = ('what was raised cannot be shown: reading it raised again, or it came from a signal handler after the function '
            'had returned')
    info = {'kind': kind, 'type': 'RuntimeError', 'message': text, 'traceback': '',
            'bases': ['Exception', 'BaseException']}
    return _json_dumps(info).encode(), pickle.dumps(RuntimeError(text))


# Made while everything is whole.
_UNSHOWN = {kind: _unshown(kind) for kind in ('load_failed', 'raised', 'result_not_serializable')}
