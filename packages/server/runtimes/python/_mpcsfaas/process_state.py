"""What the kernel keeps of this process, as every call finds it: limits, priority, processors, blocked signals, umask."""
import _signal
import os

from . import BUILTINS as __builtins__

try:
    import resource
except ImportError:  # a platform without it has no limits to change
    resource = None


class ProcessState:
    def __init__(self):
        # A look at all limits costs a short call more than the call itself: they are looked at where one was set.
        self._limits_set = False
        self._limits = []
        if resource is not None:
            self._getrlimit = resource.getrlimit
            self._limits = [(number, resource.getrlimit(number)) for number in sorted(
                {value for name, value in vars(resource).items() if name.startswith('RLIMIT_')})]
            for name in ('setrlimit', 'prlimit'):
                if hasattr(resource, name):
                    setattr(resource, name, self._noted(getattr(resource, name)))
        self._umask = os.umask
        self._mask = os.umask(0)
        os.umask(self._mask)
        looks = [(os.getpriority, (os.PRIO_PROCESS, 0)), (_signal.pthread_sigmask, (_signal.SIG_BLOCK, ()))]
        if hasattr(os, 'sched_getaffinity'):
            looks.append((os.sched_getaffinity, (0,)))
        self._looks = [(look, args, look(*args)) for look, args in looks]

    def _noted(self, change):
        def noted(*args):
            self._limits_set = True
            return change(*args)

        # Found, and pickled, by the name of what it stands for.
        noted.__name__ = noted.__qualname__ = change.__name__
        noted.__module__, noted.__doc__ = change.__module__, change.__doc__
        return noted

    def restore(self):
        """True where it is as it was, the umask put right; what else a call has changed it may not be allowed to undo."""
        self._umask(self._mask)
        for look, args, before in self._looks:
            if look(*args) != before:
                return False
        if self._limits_set:
            for number, before in self._limits:
                if self._getrlimit(number) != before:
                    return False
            self._limits_set = False
        return True
