"""The template: a process that has imported what every runner needs, and forks runners on request.

It never touches users' bytes. Everything it works with was handed to it at its start as descriptors: the control
channel, and *groups* (channel, stdout, stderr, gate), one of which each runner takes.

Control channel: lines of text.
  from the pool   `fork G`   a runner on group G
                  `kill G`   kill the runner of group G
                  `drop G`   the same, for a runner that said it left nothing behind: no search for its descendants
                  `forget G` close a group that no runner takes any more
  to the pool     `hello JSON`, `forked G PID`, `refused G REASON`, `gone G exit CODE` | `gone G signal NUMBER`

T1  `gone` is sent after the runner was reaped and every process that it left behind was killed and reaped.
T2  The end of the control channel (its owner died or let go) ends every runner, then the template.
"""
import gc
import json
import os
import select
import signal
import sys

from . import runner, system


def _import_serializers():
    problems = {}
    for name in ('dill', 'cloudpickle'):
        try:
            __import__(name)
        except BaseException as error:  # a broken package may raise anything
            problems[name] = '%s: %s' % (type(error).__name__, error)
    return problems


class Template:
    def __init__(self, options):
        self.control = options['control']
        self.groups = {index: tuple(group) for index, group in enumerate(options['groups'])}
        self.import_path = options['importPath']
        self.cwd = options['cwd']
        self.runners = {}  # pid -> group
        self.pids = {}  # group -> pid
        self.clean = set()  # pids that left nothing behind
        self.strays = False  # children that are no runners were seen
        self.pid = os.getpid()
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        for group in self.groups.values():
            for fd in group:
                os.set_inheritable(fd, False)
        os.set_inheritable(self.control, False)

    def loop(self):
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        pending = b''
        while True:
            ready = poll.poll(50 if self.strays else None)
            for fd, _ in ready:
                if fd == self.wake_read:
                    os.read(self.wake_read, 4096)
                    continue
                try:
                    data = os.read(self.control, 65536)
                except OSError:
                    # An owner that dies with our lines unread resets the channel: its end all the same (T2).
                    data = b''
                if not data:
                    self.end()
                *lines, pending = (pending + data).split(b'\n')
                for line in lines:
                    word, group = line.decode().split()
                    self.command(word, int(group))
            self.reap()

    def command(self, word, group):
        if word == 'fork':
            self.fork(group)
            return
        if word == 'forget':
            for fd in self.groups.pop(group):
                os.close(fd)
            return
        pid = self.pids.get(group)
        if pid is None:
            return
        if word == 'drop':
            self.clean.add(pid)
        kill_group(pid)

    def fork(self, group):
        fds = self.groups.pop(group)
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            self.say('refused %d %s' % (group, error))
            return
        if pid == 0:
            self.become_runner(fds)
        for fd in fds:
            os.close(fd)
        self.runners[pid] = group
        self.pids[group] = pid
        self.say('forked %d %d' % (group, pid))

    def become_runner(self, fds):
        """The child's side of the fork. Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in self.groups.values():
                for fd in other:
                    os.close(fd)
            for fd in (self.control, self.wake_read, self.wake_write):
                os.close(fd)
            os.setsid()
            system.die_with_parent(self.pid)
            system.adopt_orphans()
            channel, stdout, stderr, gate = fds
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.close(stdout)
            os.close(stderr)
            runner.serve(channel, gate, self.import_path, self.cwd)
        finally:
            # Its channel is gone (rule of ends.ts): what it was to answer cannot be told.
            os._exit(70)

    def reap(self):
        if hasattr(os, 'waitid'):
            while True:
                try:
                    seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                except ChildProcessError:
                    break
                if seen is None:
                    break
                self.ended(seen.si_pid)
        else:
            for pid in list(self.runners):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self.ended(pid)
        if self.strays:
            self.hunt()

    def ended(self, pid):
        """`pid` has ended and is not yet reaped, so its number and its group's are still its own."""
        group = self.runners.pop(pid, None)
        if group is not None:
            kill_group(pid)
        try:
            _, status = os.waitpid(pid, 0)
        except ChildProcessError:
            status = 0
        if group is None:
            return
        del self.pids[group]
        if pid in self.clean:
            self.clean.discard(pid)
        else:
            self.hunt()
        if os.WIFSIGNALED(status):
            self.say('gone %d signal %d' % (group, os.WTERMSIG(status)))
        else:
            self.say('gone %d exit %d' % (group, os.WEXITSTATUS(status)))

    def hunt(self):
        """Kills and reaps descendants of dead runners: orphans come to us, and ours are runners only."""
        for _ in range(20):
            strays = [pid for pid in system.children_of(self.pid) if pid not in self.runners]
            self.strays = bool(strays)
            if not strays:
                return
            for pid in strays:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    continue
            for pid in strays:
                try:
                    os.waitpid(pid, 0)
                except OSError:
                    continue

    def end(self):
        for pid in self.runners:
            kill_group(pid)
        for pid in list(self.runners):
            try:
                os.waitpid(pid, 0)
            except OSError:
                pass
        self.runners = {}
        self.hunt()
        os._exit(0)

    def say(self, line):
        try:
            os.write(self.control, line.encode() + b'\n')
        except OSError:
            self.end()


def kill_group(pid):
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            pass


def main(options):
    # The owner's end of the control channel is what we live by; SIGTERM and SIGINT are for the owner.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    template = Template(options)
    system.adopt_orphans()
    if options['packages']:
        sys.path.append(options['packages'])
    problems = _import_serializers()
    runner.warm_up()
    gc.collect()
    gc.freeze()
    template.say('hello ' + json.dumps({'version': '%d.%d.%d' % sys.version_info[:3], 'problems': problems}))
    try:
        template.loop()
    finally:
        # Whatever went wrong: nothing of ours outlives us.
        template.end()
