"""The memory limit of one call: a soft limit on the address space, above what the process uses already.

It makes Python raise MemoryError where it can; the pool watches the resident memory besides, for what it cannot. Both count
from what the process used before the call.
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
    """`size` in bytes, 0 = none. The limits before, for lift(); None = nothing was changed."""
    if not size or resource is None:
        return None
    try:
        before = soft, hard = _getrlimit(resource.RLIMIT_AS)
        most = system.address_space() + int(size)
        _setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
        return before
    except (OSError, ValueError):
        return None


def lift(before):
    if before is None:
        return
    try:
        _setrlimit(resource.RLIMIT_AS, before)
    except (OSError, ValueError):
        pass
