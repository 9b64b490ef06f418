"""Exceptions as data for the platform and as pickles for Python callers."""
import io
import json
import os
import pickle
import sys
import traceback

from . import frames

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MAX_TEXT = 64 * 1024
_json_dumps = json.dumps

# What CPython says when it meets byte code of another version.
_OTHER_BYTECODE = ('unknown opcode', 'bad marshal', 'code expected at least', 'code() takes', 'code() argument',
                   'an integer is required (got type bytes)', 'code: co_')


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
        text = 'cannot load %s: %s: %s' % (what, type(error).__name__, _message(error))
        if isinstance(error, ModuleNotFoundError) and error.name:
            text = ("cannot load %s: the module '%s' is not on the import path of this worker. Install it for its "
                    "Python, or start the worker with --python-path DIR, the folder that holds it." % (what, error.name))
            explained = ModuleNotFoundError(text, name=error.name)
        else:
            explained = type(error)(text) if type(error) in _PLAIN else RuntimeError(text)
        explained.__cause__ = None
        explained.__traceback__ = error.__traceback__
        return cls('load_failed', explained)


# Exceptions that one text makes whole.
_PLAIN = {AttributeError, EOFError, ImportError, IndexError, KeyError, NameError, RuntimeError, SyntaxError, TypeError,
          ValueError, pickle.UnpicklingError}


def is_other_bytecode(error):
    if not isinstance(error, (SystemError, TypeError, ValueError)):
        return False
    text = _message(error)
    return any(mark in text for mark in _OTHER_BYTECODE)


def other_version(error, made_by=''):
    ours = '%d.%d' % sys.version_info[:2]
    theirs = 'Python ' + made_by if made_by else 'another Python version'
    return RuntimeError(
        'the function was pickled by %s and this worker runs Python %s: pickled byte code runs only on the minor '
        'version that made it. Use the same version on both sides (worker option --python), or send the function as '
        'source.%s' % (theirs, ours, ' (%s: %s)' % (type(error).__name__, _message(error)) if error else ''))


def kind_of(error, function, limit):
    """Why a call that raised `error` failed."""
    if limit and isinstance(error, MemoryError):
        return 'memory_exceeded'
    if function.by_value and isinstance(error, SystemError) and is_other_bytecode(error):
        return 'version_mismatch'
    return 'raised'


def answer(kind, error, with_pickle):
    """The FAILURE frame's parts."""
    if kind == 'version_mismatch' and isinstance(error, SystemError):
        error = other_version(error)
    info = {
        'kind': kind,
        'type': type(error).__name__,
        'message': _bounded(_message(error)),
        'traceback': _traceback(error),
        'bases': [base.__name__ for base in type(error).__mro__[1:] if base is not object],
    }
    text = _json_dumps(info).encode()
    return frames.FAILURE, text, _pickled(error, info) if with_pickle else None


def _message(error):
    try:
        return _sayable(str(error))
    except BaseException as second:
        return '(its text cannot be shown: __str__ raised %s)' % type(second).__name__


def _sayable(text):
    """A lone surrogate, which UTF-8 cannot say, as its escape: every reader then sees the same text."""
    return text.encode('utf-8', 'backslashreplace').decode()


def _bounded(text):
    if len(text) <= _MAX_TEXT:
        return text
    half = _MAX_TEXT // 2
    return '%s\n… %d characters left out …\n%s' % (text[:half], len(text) - 2 * half, text[-half:])


def _traceback(error):
    """As Python prints it, without the frames of this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    if trace is None:
        return ''
    try:
        return _bounded(_sayable(''.join(traceback.format_exception(type(error), error, trace))))
    except BaseException:
        return ''


def _pickled(error, info):
    """The exception itself; where it does not survive a pickle, one that says the same."""
    trace, error.__traceback__ = error.__traceback__, None
    try:
        for dumps, loads in _picklers():
            try:
                data = dumps(error)
                if isinstance(loads(data), BaseException) and len(data) <= 16 * 1024 * 1024:
                    return data
            except BaseException:
                continue
    finally:
        error.__traceback__ = trace
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
    yield dill.dumps, dill.loads
