"""The few Linux calls that Python has no name for; on other systems they do nothing."""
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_prctl = None
if sys.platform.startswith('linux'):
    try:
        _prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        pass


def die_with_parent(parent):
    """Be killed when `parent` (a pid) ends; at once where it has ended already."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans():
    """Become the parent of every descendant whose own parent ends."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(parent):
    """Pids of the children of `parent`, ended ones too; [] where the system cannot say."""
    return [pid for pid, its_parent in _parents().items() if its_parent == parent]


def descendants_of(ancestor):
    """Its children, their children and so on, in that order."""
    parents = _parents()
    found = level = [ancestor]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level]
        found = found + level
    return found[1:]


def _parents():
    """Pid -> pid of its parent, of every process that can be seen."""
    found = {}
    try:
        names = os.listdir('/proc')
    except OSError:
        return found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open('/proc/' + name + '/stat', 'rb') as file:
                fields = file.read().rpartition(b')')[2].split()
        except OSError:
            continue
        found[int(name)] = int(fields[1])
    return found


def address_space():
    """Bytes of address space that this process uses."""
    with open('/proc/self/statm', 'rb') as file:
        return int(file.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
