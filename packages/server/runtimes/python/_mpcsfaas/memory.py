"""The memory limit of one call: a soft limit on the address space, above what the process uses already.

It makes Python raise MemoryError where it can; the pool watches the resident memory besides, for what it cannot.
"""
from . import BUILTINS as __builtins__
from . import system

try:
    import resource
except ImportError:  # a platform without it has the pool's watch alone
    resource = None
else:
    # Kept from here: what users' code calls is noted (process_state.py).
    _getrlimit, _setrlimit = resource.getrlimit, resource.setrlimit


def limit(size):
    """`size` in bytes, 0 = none."""
    if not size or resource is None:
        return
    try:
        _, hard = _getrlimit(resource.RLIMIT_AS)
        _setrlimit(resource.RLIMIT_AS, (system.address_space() + int(size), hard))
    except (OSError, ValueError):
        pass


def lift(size):
    if not size or resource is None:
        return
    try:
        _, hard = _getrlimit(resource.RLIMIT_AS)
        _setrlimit(resource.RLIMIT_AS, (hard, hard))
    except (OSError, ValueError):
        pass
