"""Keeps one command: its parent, and the parent of every descendant whose own parent ends.

Arguments: the number of a descriptor, the *line* to the owner, which is the highest one handed over; the command.
On the line the owner hears `pid N` at the start and `exit CODE` or `signal NUMBER` at the end; it says nothing.

K1  The end is told after the command was reaped and every process that came from it was killed and reaped: they are
    found by parentage, which users' code cannot change, not by environment or group, which it can.
K2  The end of the line (the owner died or let go) ends them all, the command first.
K3  It holds no other descriptor of the command: their ends are seen when the command ends.
"""
import os
import select
import signal
import sys

from _mpcsfaas import system

# Rounds of looking for what is left; what forks faster than it is killed stays for the next start's sweep.
_ROUNDS = 1000
_LINE = 0


def main(line, command):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    system.adopt_orphans()
    pid = os.fork()
    if pid == 0:
        become(line, command)
    os.write(line, b'pid %d\n' % pid)
    null = os.open(os.devnull, os.O_RDWR)
    for fd, copy in ((line, _LINE), (null, 1), (null, 2)):
        os.dup2(fd, copy)
    os.closerange(3, max(line, null) + 1)
    wait(pid)
    # Its group's number is its own until it is reaped.
    kill(os.killpg, pid)
    status = os.waitpid(pid, 0)[1]
    end_all()
    words = b'signal %d\n' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else b'exit %d\n' % os.WEXITSTATUS(status)
    try:
        os.write(_LINE, words)
    except OSError:
        pass


def become(line, command):
    """The command, in a session of its own. Never returns."""
    try:
        os.set_inheritable(line, False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.execv(command[0], command)
    finally:
        os._exit(127)


def wait(pid):
    """Returns when the command has ended, not yet reaped. Orphans that end meanwhile are reaped."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(_LINE, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    while True:
        for seen in iter(lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT), None):
            if seen.si_pid == pid:
                return
            os.waitpid(seen.si_pid, 0)
        for fd, _ in poll.poll():
            if fd == wake_read:
                os.read(wake_read, 4096)
            elif not read_line():
                kill(os.killpg, pid)
                kill(os.kill, pid)
                poll.unregister(_LINE)


def read_line():
    try:
        return os.read(_LINE, 4096)
    except OSError:
        return b''  # reset: its end all the same


def end_all():
    """Kills and reaps what is left (K1)."""
    me = os.getpid()
    for _ in range(_ROUNDS):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        left = system.descendants_of(me)
        killed = [pid for pid in left if kill(os.kill, pid)]
        if not killed:
            return  # of another user: out of reach
        for pid in killed:
            try:
                os.waitpid(pid, 0)
            except OSError:
                continue  # a grandchild: it comes to us when its parent is gone, or went to another


def kill(how, pid):
    try:
        how(pid, signal.SIGKILL)
        return True
    except OSError:
        return False


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2:])
