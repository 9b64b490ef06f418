"""Frames between a runner and the pool that owns it. The other end is packages/server/src/runner/frames.ts.

A frame is u32 length of what follows, u8 kind, body. All integers are little-endian; text is UTF-8.

To the child
  1 CODE     u32 function, u8 form (0 pickle, 1 source), u16 length + entry, u16 length + name,
             u16 length + Python version ('3.11' or ''), the code's bytes
  2 CALL     u32 number, u32 function, u8 flags, f64 largest result, f64 memory limit (0 = none), the arguments' bytes
             flags: 1 gated, 2 arguments are JSON, 4 make JSON, 8 make a pickle
  3 FORGET   u32 function
From the child
  1 READY    nothing
  2 VALUE    u32 number, u8 flags, u32 run time in µs, u32 JSON length, JSON, pickle
             flags: 1 untidy (threads or processes were left behind: replace this child), 4 with JSON, 8 with pickle
  3 FAILURE  u32 number, u8 flags (as above), u32 run time in µs, u32 length + JSON {kind, type, message, traceback, bases}, pickle
  4 OUTPUT   u32 number, u8 stream (0 stdout, 1 stderr), bytes
  5 STALE    u32 number: an imported file has changed, or a call left the process untidy; neither this call nor any later one will be started
  6 BEFORE   u32 number, f64 bytes that the process uses before this call, which has a memory limit, without what is garbage; a child
             that collects garbage when it likes says it

Rules
  R1  The host assigns every number; a child that names another than the running call is killed.
  R2  Calls are answered in the order sent; an answer is written whole before the next call begins, and no other frame divides it.
  R3  A *gated* call may be begun only after its number (u32) was read from the gate, a FIFO that the pool fills
      before it sends the call. The pool takes calls back by emptying the gate: what it reads there was not begun and
      never will be. A queued call whose number is not the one read from the gate has been taken back: it is skipped.
"""
import os
import struct
from _thread import RLock
from collections import deque
from os import read, readv, write

from . import BUILTINS as __builtins__

CODE, CALL, FORGET = 1, 2, 3
READY, VALUE, FAILURE, OUTPUT, STALE = 1, 2, 3, 4, 5
GATED, ARGS_JSON, WITH_JSON, WITH_PICKLE = 1, 2, 4, 8
UNTIDY = 1

CALL_HEAD = struct.Struct('<IIBdd')
_SIZE = struct.Struct('<I')
_ANSWER_HEAD = struct.Struct('<IBIBII')
_OUTPUT_HEAD = struct.Struct('<IBIB')
_U16 = struct.Struct('<H')
_MOST_U32 = 0xFFFFFFFF
_CHUNK = 1 << 16
_exit = os._exit


class Inbox:
    """Reads frames from a blocking descriptor; ends the process when the other end is gone."""

    def __init__(self, fd):
        self._fd = fd
        self._data = b''
        self._at = 0

    def next(self, _unpack=_SIZE.unpack_from):
        """The next frame: kind and body."""
        while len(self._data) - self._at < 5:
            self._more()
        start = self._at + 4
        size = _unpack(self._data, self._at)[0]
        end = start + size
        if end > len(self._data):
            if size > _CHUNK:
                return self._large(start, size)
            while len(self._data) - start < size:
                self._more()
                start = self._at + 4
            end = start + size
        data = self._data
        self._at = end
        return data[start], data[start + 1:end]

    def _more(self):
        chunk = read(self._fd, _CHUNK)
        if not chunk:
            _exit(0)
        self._data = self._data[self._at:] + chunk
        self._at = 0

    def _large(self, start, size):
        body = bytearray(size)
        have = self._data[start:]
        body[:len(have)] = have
        self._data, self._at = b'', 0
        view = memoryview(body)
        filled = len(have)
        while filled < size:
            count = readv(self._fd, [view[filled:]])
            if count == 0:
                _exit(0)
            filled += count
        return body[0], view[1:]


class Outbox:
    """Writes frames to a blocking descriptor. Threads, signal handlers and finalizers of users' code print while another
    frame, a large answer above all, is under way:

    O1  A frame that was begun is finished before the next one, also where an exception interrupts it, as a signal handler's
        may: what is left of it goes before whatever is written next.
    O2  What a handler or a finalizer prints in the midst of a frame of its own thread waits behind that frame: nobody waits
        for a lock that is his own.

    A fork has no outbox (runner.py), so none of a lock that another thread held.
    """

    def __init__(self, fd):
        self._fd = fd
        self._lock = RLock()
        self._is_mine = self._lock._is_owned
        # What is still to be written, in order: bytes, and how many of them were with each write.
        self._left = deque()

    def ready(self):
        self._send(_SIZE.pack(1) + bytes((READY,)))

    def answer(self, kind, number, flags, seconds, text, pickled, _pack=_ANSWER_HEAD.pack):
        """`seconds` that the call ran; `text` is JSON bytes (b'' = none), `pickled` bytes or None."""
        if pickled is None:
            pickled = b''
        size = 14 + len(text) + len(pickled)
        head = _pack(size, kind, number, flags, min(int(seconds * 1e6), _MOST_U32), len(text))
        if size < _CHUNK:
            frame = head + text + pickled
            with self._lock:
                if self._left:
                    self._finish()
                if write(self._fd, frame) == len(frame):
                    return
            _exit(74)  # a blocking socket takes a small frame whole, or its other end is gone
        self._send(head, text, pickled)

    def output(self, number, stream, data):
        # A copy: what waits (O1, O2) must not change with the stream's buffer.
        self._send(_OUTPUT_HEAD.pack(6 + len(data), OUTPUT, number, stream) + data)

    def stale(self, number):
        self._send(_SIZE.pack(5) + bytes((STALE,)) + _SIZE.pack(number))

    def _send(self, *parts):
        # At once: no other frame's parts come between these.
        self._left.extend([(memoryview(part), []) for part in parts])
        if self._is_mine():
            return
        with self._lock:
            self._finish()

    def _finish(self):
        left = self._left
        while left:
            part, counts = left[0]
            rest = part[sum(counts):]
            if rest:
                # Within C alone: no exception comes between a write and its count (O1).
                counts.extend(map(write, (self._fd,), (rest,)))
            else:
                left.popleft()


def read_code(body):
    """The fields of a CODE frame."""
    number = _SIZE.unpack_from(body)[0]
    form = body[4]
    at = 5
    texts = []
    for _ in range(3):
        size = _U16.unpack_from(body, at)[0]
        texts.append(bytes(body[at + 2:at + 2 + size]).decode())
        at += 2 + size
    entry, name, python = texts
    return number, form, entry, name, python, bytes(body[at:])
