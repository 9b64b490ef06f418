"""The runner: takes calls from its channel, one answer each, in order."""
import os
import signal
import sys
import time

from . import BUILTINS as __builtins__
from . import arguments, classes, failures, frames, functions, memory, results, tidy
from .changed import Watch
from .output import Output

_exit = os._exit
_modules = sys.modules
_now = time.monotonic
_gettrace, _settrace = sys.gettrace, sys.settrace
_getprofile, _setprofile = sys.getprofile, sys.setprofile
# How often it is tried to put the process in order, where users' code makes that raise.
_TRIES = (1, 2, 3)
_read = os.read
_unpack_token = frames._SIZE.unpack
_unpack_call = frames.CALL_HEAD.unpack_from
_CALL_SIZE = frames.CALL_HEAD.size


def warm_up():
    """In the template: import what nearly every runner needs, so that all share its memory."""
    import asyncio  # noqa: F401
    import inspect  # noqa: F401
    import linecache  # noqa: F401
    import traceback  # noqa: F401


def serve(channel, gate, import_path, cwd):
    """Never returns."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.set_blocking(channel, True)
    os.chdir(cwd)
    sys.path[:0] = import_path
    sys.argv = ['']
    sys.modules['__main__'] = functions.fresh_main()
    inbox, outbox = frames.Inbox(channel), frames.Outbox(channel)
    output = Output(outbox)
    order = tidy.Order(output, cwd)
    watch = Watch(import_path)
    os.register_at_fork(after_in_child=lambda: _forked(channel, gate, output))
    outbox.ready()
    _loop(inbox, outbox, gate, output, order, watch)


def _forked(channel, gate, output):
    """In a process that users' code forked: it may print, but not answer."""
    output.detach()
    for fd in (channel, gate):
        try:
            os.close(fd)
        except OSError:
            pass


def _loop(inbox, outbox, gate, output, order, watch):
    pid = os.getpid()
    getpid = os.getpid
    table = {}
    token = None  # read from the gate, its call not reached yet
    untidy = 0
    while True:
        kind, body = inbox.next()
        if kind == frames.CALL:
            number, function, flags, max_result, limit = _unpack_call(body, 0)
            if flags & frames.GATED:
                if token is None:
                    token = _token(gate)
                if token != number:
                    continue
                token = None
            # The pool takes back what lies behind an untidy call, but this one may have been quicker.
            if untidy or watch.files and watch.changed():
                outbox.stale(number)
                _exit(0)
            output.number = number
            answer, seconds, untidy = None, 0.0, 0
            began = _now()
            for _ in _TRIES:
                try:
                    if answer is None:
                        answer = _call(table[function], body[_CALL_SIZE:], flags, max_result, limit)
                        seconds = _now() - began
                    if _gettrace() is not None:
                        _settrace(None)
                    if _getprofile() is not None:
                        _setprofile(None)
                    if getpid() != pid:
                        _exit(0)  # the function forked, and this is the fork coming back from it
                    untidy |= order.restore(answer[0] == frames.FAILURE)
                    watch.look()
                    break
                except BaseException:
                    # A signal's handler or a trace function of users' code has raised between our own lines.
                    untidy = frames.UNTIDY
                    if answer is None:
                        answer = failures.unshown('raised', flags & frames.WITH_PICKLE)
            kind, text, pickled = answer
            flags = untidy | (frames.WITH_JSON if text else 0) | (0 if pickled is None else frames.WITH_PICKLE)
            outbox.answer(kind, number, flags, seconds, text, pickled)
            answer = text = pickled = None
        elif kind == frames.CODE:
            code = functions.Function(*frames.read_code(body))
            table[code.number] = code
        elif kind == frames.FORGET:
            forgotten = table.pop(frames._SIZE.unpack(body)[0], None)
            if forgotten is not None:
                forgotten.forget(table.values())
        else:
            _exit(76)


def _token(gate):
    token = _read(gate, 4)
    if len(token) != 4:
        _exit(0)
    return _unpack_token(token)[0]


def _call(function, data, flags, max_result, limit):
    """Kind of the answering frame, JSON, pickle."""
    doing = 'load_failed'  # the kind of failure that an exception is from here on
    main = None
    before = None
    try:
        before = memory.limit(limit)
        call = function.load()
        classes.calling(function.classes)
        args, kwargs = arguments.decode(data, flags & frames.ARGS_JSON)
        doing = 'raised'
        main = function.main
        if main is not None:
            _modules['__main__'] = main
        value = call(*args, **kwargs)
        if hasattr(type(value), '__await__'):
            value = results.awaited(value)
        # Not in a function of ours: a trace function that raises would raise at its beginning.
        if _gettrace() is not None:
            _settrace(None)
        if _getprofile() is not None:
            _setprofile(None)
        doing = 'result_not_serializable'
        if main is not None:
            _modules['__main__'] = functions.fresh_main()  # its classes are pickled by value: no caller has that module
        del args, kwargs
        return results.answer(value, flags, max_result)
    except BaseException as error:
        if _gettrace() is not None:
            _settrace(None)
        if _getprofile() is not None:
            _setprofile(None)
        if main is not None:
            _modules['__main__'] = functions.fresh_main()
        return failures.report(doing, error, function, limit, flags & frames.WITH_PICKLE)
    finally:
        memory.lift(before)
