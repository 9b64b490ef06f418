"""Stands between a client and a service: cuts every connection, falls silent or loses an answer when it is told to."""
import socket
import threading
import urllib.parse


class CuttingProxy:
    """`url` is its own; `cut` cuts what is open, in the middle of whatever is under way; `sent` is what clients have sent,
    `accepted` how many connections they have made.

    events: where it is set, it is called with the socket of whoever asks for the event stream, instead of passing that on, or for
    another one, whose requests begin with `stream`.
    """

    def __init__(self, service):
        parts = urllib.parse.urlsplit(service)
        self._target = (parts.hostname, parts.port)
        self._lock = threading.Lock()
        self._open = set()
        self._is_silent = False
        self._lost = None
        self._deaf = set()
        self.sent = []
        self.accepted = 0
        self.events = None
        self.stream = b"GET /v1/events"
        self.lost = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """How many connections there were."""
        with self._lock:
            cut, self._open = self._open, set()
        for one in cut:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        return len(cut) // 2

    def lose(self, beginning):
        """The service gets the next request that begins so, and its answer is lost; then `lost` is set."""
        self._lost = beginning

    def fall_silent(self):
        """From now on nothing passes, and nothing is cut."""
        self._is_silent = True

    def close(self):
        """From now on nobody is here."""
        try:
            self._server.shutdown(socket.SHUT_RDWR)  # whoever accepts, too
        except OSError:
            pass
        self._server.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
                self.accepted += 1
            threading.Thread(target=self._pass_both, args=(near, far), daemon=True).start()

    def _pass_both(self, near, far):
        back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
        back.start()
        self._pass(near, far, self.sent)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pass(self, source, target, keep=None):
        try:
            while True:
                piece = source.recv(65536)
                if not piece or source in self._deaf:
                    break
                if keep is not None:
                    keep.append(piece)
                    if self.events is not None and piece.startswith(self.stream):
                        self.events(source)
                        break
                    if self._lost is not None and piece.startswith(self._lost):
                        self._lost = None
                        self._deaf.add(target)
                if not self._is_silent:
                    target.sendall(piece)
        except OSError:
            pass
        if source in self._deaf:
            self.lost.set()
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
