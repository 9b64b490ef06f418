"""What calls print, as they print it."""
import queue
import sys
import threading
from typing import Any, Dict, Iterator, List, Optional

from .connection import FAULTS
from .errors import FaasError
from .transport import Transport

# Calls that are followed at a time; the next ones are shown when one of these has ended.
_FOLLOWERS = 8


def follow(transport: Transport, task_id: str) -> Iterator[Dict[str, Any]]:
    """{attempt, stream, offset, text} as the task prints, until it has ended. Over a cut connection it goes on where it was.

    Raises FaasError where the task is not known, or nobody answers.
    """
    # How far each stream was told, in bytes. A new connection begins at the beginning: what those before it told is left out.
    # One connection repeats nothing, and what it tells is not weighed against itself: bytes that are no UTF-8 are longer in a
    # text than in their stream.
    told: Dict[Any, int] = {}
    reopening = transport.reopening()
    while not transport.is_closed:
        before = dict(told)
        try:
            stream = transport.stream("/v1/tasks/%s/logs?follow=true" % task_id)
            try:
                is_open = True
                while is_open and not transport.is_closed:
                    is_open, events = stream.heard()
                    if is_open:
                        reopening.went_well()
                    for kind, data in events:
                        if kind == "end":
                            return
                        if kind != "log":
                            continue
                        place, raw = (data["attempt"], data["stream"]), data["text"].encode()
                        known = max(0, before.get(place, 0) - data["offset"])
                        if known >= len(raw):
                            continue
                        told[place] = data["offset"] + len(raw)
                        if known:
                            data = {**data, "offset": data["offset"] + known, "text": raw[known:].decode(errors="replace")}
                        yield data
            finally:
                stream.close()
            reopening.pause(ConnectionResetError("the stream ended"))
        except (*FAULTS, FaasError) as error:
            reopening.pause(error)


class Shown:
    """Prints at the caller what tasks print, in whole lines, each to the stream that it was printed to."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self._name = name
        self._tasks: "queue.Queue[Optional[str]]" = queue.Queue()
        self._threads: List[threading.Thread] = []
        self._lock = threading.Lock()

    def add(self, task_ids: List[str]) -> None:
        """Shows these too."""
        with self._lock:
            for task_id in task_ids:
                self._tasks.put(task_id)
                if len(self._threads) < _FOLLOWERS:
                    thread = threading.Thread(
                        target=self._run, name="%s-logs-%d" % (self._name, len(self._threads)), daemon=True
                    )
                    self._threads.append(thread)
                    thread.start()

    def join(self) -> None:
        """Waits until everything has been shown, and ends the threads."""
        with self._lock:
            threads, self._threads = self._threads, []
            for _ in threads:
                self._tasks.put(None)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()

    def _run(self) -> None:
        while True:
            task_id = self._tasks.get()
            if task_id is None:
                return
            open_: Dict[str, str] = {}
            try:
                for piece in follow(self._transport, task_id):
                    stream = piece["stream"]
                    lines, line_end, rest = (open_.get(stream, "") + piece["text"]).rpartition("\n")
                    open_[stream] = rest
                    self._print(stream, lines + line_end)
            except FaasError as error:
                self._print("stderr", "(the output of task %s cannot be shown: %s)\n" % (task_id, error))
            for stream, rest in open_.items():
                self._print(stream, rest and rest + "\n")

    def _print(self, stream: str, text: str) -> None:
        if not text:
            return
        target = sys.stderr if stream == "stderr" else sys.stdout
        with self._lock:
            target.write(text)
            target.flush()
