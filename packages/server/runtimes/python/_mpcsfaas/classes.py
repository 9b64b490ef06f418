"""Classes of callers' scripts, which the SDK sends with a key each.

K1  In a call a key is one class, whether the function or its arguments brought it: what the function brought is kept with
    it, what the arguments brought lasts as long as the call.
K2  In a result such a class is its key, by which its caller knows it, and, for whoever else reads the result, what dill
    makes of it. The caller may have a class that dill cannot take apart.
"""
import copyreg
import io
import warnings

from . import BUILTINS as __builtins__

# What the function that is loaded or called brought, and what its arguments did: key -> class.
_of_function, _of_call = {}, {}
_FIND_TEXT = (
    "getattr(__import__('sys').modules.get('_mpcsfaas.classes') or __import__('sys').modules.get('mpcsfaas.classes'), "
    "'class_of', lambda key, make, *parts: make(*parts))"
)
_EXCEPTION_TEXT = (
    "lambda new, init, kind, *args: (lambda made: init.__init__(made, *args) or made)(new.__new__(kind, *args))"
)
_MADE_IN_PYTHON = 1 << 9
_PLAIN_REDUCES = (BaseException.__reduce__, OSError.__reduce__)


def loading(known):
    """From here on classes are the function's own, kept in `known`."""
    global _of_function, _of_call
    _of_function = _of_call = known


def calling(known):
    """From here on they are a call's."""
    global _of_function, _of_call
    _of_function, _of_call = known, {}


def class_of(key, make, *parts):
    """By this name pickles ask (K1)."""
    found = _of_function.get(key, _of_call.get(key))
    if found is None:
        found = _of_call[key] = make(*parts)
    return found


class _Text:
    def __init__(self, text):
        self.text = text

    def __call__(self):
        """Only what can be called may make an object of a pickle."""


_FIND, _EXCEPTION = _Text(_FIND_TEXT), _Text(_EXCEPTION_TEXT)
_pickler = None


def dumps(value, by_parts=False):
    """dill's pickle, with K2. by_parts: every exception, not only those of callers' scripts, as what it holds and
    not as what it is called with."""
    global _pickler
    if _pickler is None:
        _pickler = _pickler_of()
    file = io.BytesIO()
    _pickler(file, by_parts).dump(value)
    return file.getvalue()


def _pickler_of():
    import dill

    class Pickler(dill.Pickler):
        # dill looks here for whether the pickler is one of its own.
        __module__ = 'dill.for_mpcsfaas'

        def __init__(self, file, by_parts):
            super().__init__(file, protocol=dill.settings['protocol'])
            self.by_parts = by_parts
            self.keys = {id(kind): key for known in (_of_function, _of_call) for key, kind in known.items()}

        def reducer_override(self, value):
            if value is _FIND or value is _EXCEPTION:
                return eval, (value.text,)
            key = self.keys.get(id(value))
            if key is not None:
                return _FIND, (key, dill.loads, _definition(value))
            kind = type(value)
            if issubclass(kind, BaseException) and (self.by_parts or id(kind) in self.keys):
                return _exception_parts(kind, value) or NotImplemented
            return NotImplemented

    def _definition(kind):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                return dill.dumps(kind)
        except Exception:
            return b''

    return Pickler


def _exception_parts(kind, error):
    """An exception as what it holds, None where its class says itself how it is pickled. Its constructor may want more than it
    keeps in `args`; that of Python's own class below it does not, and sets what is no attribute of Python code: `errno`."""
    if kind.__reduce__ not in _PLAIN_REDUCES or kind.__reduce_ex__ is not object.__reduce_ex__:
        return None
    own = kind
    while own.__flags__ & _MADE_IN_PYTHON:
        own = own.__base__
    args = error.__reduce__()[1]
    try:
        own(*args)
        init = own
    except Exception:
        init = BaseException  # it was never called with these
    slots = {name: getattr(error, name) for name in copyreg._slotnames(kind) if hasattr(error, name)}
    return _EXCEPTION, (own, init, kind, *args), {**vars(error), **slots} or None
