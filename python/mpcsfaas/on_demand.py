"""A thread that is there while there is something to do."""
import threading
import weakref
from typing import Callable, Optional

from .monitor import Monitor


class OnDemand:
    """Started when it is needed; it says itself when it is no longer, and may then be started again."""

    def __init__(self, lock: Monitor, run: Callable[[], None], name: str) -> None:
        """lock: of whoever decides whether it is needed. run: what it does."""
        self._lock = lock
        self._run = run
        self._name = name
        self._thread: Optional[threading.Thread] = None
        # The last one that there was: it has something left to do after it has said that it is over. Held by Python as long as
        # it runs, and by nobody afterwards.
        self._last: Callable[[], Optional[threading.Thread]] = lambda: None

    def start(self) -> None:
        """Where there is none; from whoever holds the lock."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._begin, name=self._name, daemon=True)
        try:
            self._thread.start()
        except BaseException:
            # Ctrl-C, perhaps before there was a thread. One that is there says so itself.
            self._thread = None
            raise

    def _begin(self) -> None:
        with self._lock:
            if self._thread not in (None, threading.current_thread()):
                return  # the one who started it was struck, and another is there already
            self._thread = threading.current_thread()
            self._last = weakref.ref(self._thread)
        self._run()

    def end(self) -> None:
        """It does nothing more; from itself, which holds the lock."""
        self._thread = None

    def is_current(self) -> bool:
        """Is it the thread that asks?"""
        return self._thread is threading.current_thread()

    def is_running(self) -> bool:
        """Is there a thread?"""
        return self._thread is not None

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits until there is none, at most `timeout` seconds; at once where it is the thread itself that asks."""
        thread = self._thread or self._last()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
