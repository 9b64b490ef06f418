"""A function: its code's bytes until the first call, then the callable."""
import ast
import builtins
import hashlib
import inspect
import linecache
import os
import pickle
import sys
import types

from . import classes, failures

_PICKLE = 0


class Function:
    def __init__(self, number, form, entry, name, python, code):
        self.number = number
        self.by_value = form == _PICKLE
        self._entry = entry
        self._name = name
        self._python = python
        self._code = code
        self._callable = None
        # Of a source: the name that its lines are looked up by.
        self._file = None
        # Of its caller's script, by their keys.
        self.classes = {}
        # Of a source: what is to be __main__ while it runs, so that its functions and classes are found by name.
        self.main = None
        # Open as long as the function is loaded.
        self._copy = None

    def load(self):
        """The callable, or Failed."""
        if self._callable is None:
            self._callable = self._unpickle() if self.by_value else self._execute()
            self._code = None
        return self._callable

    def forget(self, others):
        """Lets go of the lines of its source, unless one of the `others` is made of it too."""
        if self._file and all(other._file != self._file for other in others):
            linecache.cache.pop(self._file, None)

    def _unpickle(self):
        if self._python and self._python != '%d.%d' % sys.version_info[:2]:
            raise failures.Failed('version_mismatch', failures.other_version(None, self._python))
        classes.loading(self.classes)
        try:
            loaded = _loads(self._code)
        except BaseException as error:
            raise failures.Failed.loading('the function', error) from None
        if not callable(loaded):
            raise failures.Failed('load_failed', TypeError(
                'the registered object is %s, which cannot be called: register a function'
                % _a(type(loaded).__name__)))
        return loaded

    def _execute(self):
        # With the first digits of its digest: tracebacks show the lines of this source, not of another version's.
        file = '<function %s %s>' % (self._name or self._entry or 'source', hashlib.sha256(self._code).hexdigest()[:8])
        self._file = file
        module = fresh_main()
        module.__file__ = file
        try:
            source = self._code.decode('utf-8-sig')
            # So that tracebacks show its lines.
            linecache.cache[file] = (len(source), None, source.splitlines(True), file)
            sys.modules['__main__'] = module
            exec(_compiled(source, file), module.__dict__)
        except BaseException as error:
            raise failures.Failed.loading('the function', error) from None
        finally:
            # Its classes are then pickled by value: no caller has this module.
            sys.modules['__main__'] = fresh_main()
        self._copy = _spawnable(source, file)
        if self._copy:
            module.__file__ = '/proc/%d/fd/%d' % (os.getpid(), self._copy.fileno())
        else:
            del module.__file__
        self.main = module
        return _entry_of(module, self._entry)


def _compiled(source, file):
    """The source as it is loaded: it is the main module, but not the program that is started."""
    if '__main__' in source:
        try:
            tree = ast.parse(source, file)
            if _shut_guards(tree.body):
                return compile(tree, file, 'exec', dont_inherit=True)
        except RecursionError:
            pass  # the compiler itself goes deeper than its tree can be built
    return compile(source, file, 'exec', dont_inherit=True)


def _shut_guards(body):
    """`if __name__ == '__main__':` at the top is for those who start the file: false. True where there was one."""
    shut = False
    for node in body:
        while isinstance(node, ast.If):
            node.test, found = _without_guard(node.test)
            shut = shut or found
            node = node.orelse[0] if len(node.orelse) == 1 else None
    return shut


def _without_guard(test):
    if isinstance(test, ast.BoolOp):
        parts = [_without_guard(part) for part in test.values]
        test.values = [part for part, _ in parts]
        return test, any(found for _, found in parts)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return test, False
    sides = (test.left, test.comparators[0])
    if not (any(isinstance(side, ast.Name) and side.id == '__name__' for side in sides)
            and any(isinstance(side, ast.Constant) and side.value == '__main__' for side in sides)):
        return test, False
    return ast.copy_location(ast.Constant(isinstance(test.ops[0], ast.NotEq)), test), True


def _spawnable(source, file):
    """The source as an open file, where users' code may start interpreters that read their main module again; else None."""
    if 'multiprocessing' not in source and 'concurrent' not in source or not hasattr(os, 'memfd_create'):
        return None
    copy = os.fdopen(os.memfd_create('function'), 'w', encoding='utf-8')
    copy.write(source)
    copy.flush()
    return copy


def fresh_main():
    """A __main__ as clean as a new interpreter's."""
    module = types.ModuleType('__main__')
    module.__builtins__ = builtins
    return module


def _loads(code):
    """Reads a pickled function: dill reads cloudpickle's too. Its globals are its own, not another function's."""
    try:
        import dill
    except ImportError:
        return pickle.loads(code)
    # dill keeps the __main__ of its own import, by whose names it resolves functions that were defined there.
    inner = getattr(dill, '_dill', None)
    if hasattr(inner, '_main_module'):
        inner._main_module = fresh_main()
    return dill.loads(code)


def _entry_of(module, entry):
    if entry:
        found = module.__dict__.get(entry)
        if callable(found):
            return found
        raise failures.Failed('load_failed', TypeError(
            "the source defines no function '%s'; it defines %s" % (entry, _names(_functions(module)))))
    candidates = _functions(module)
    if len(candidates) == 1:
        return module.__dict__[candidates[0]]
    if not candidates:
        raise failures.Failed('load_failed', TypeError('the source defines no function whose name is public'))
    raise failures.Failed('load_failed', TypeError(
        'the source defines several functions (%s): say which one to call with "entry"' % _names(candidates)))


def _functions(module):
    """Public names of the functions that the source itself defines."""
    return [name for name, value in module.__dict__.items()
            if not name.startswith('_') and inspect.isfunction(inspect.unwrap(value) if callable(value) else value)
            and getattr(value, '__module__', None) == module.__name__]


def _names(names):
    return ', '.join(names) if names else 'none'


def _a(noun):
    return ('an ' if noun[:1] in 'aeiou' else 'a ') + noun
