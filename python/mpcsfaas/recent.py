"""A table that forgets what was not used for longest, so that a program that runs for weeks stays as small as it is."""
import collections
from typing import Generic, Hashable, Optional, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Thread-safe without a lock, which a fork would copy as it is: each step is one act of C code, and whoever comes between
    two of them finds an entry too many or too few, which all who use this make anew."""

    def __init__(self, most: int) -> None:
        """most: entries that are kept."""
        self._most = most
        self._kept: "collections.OrderedDict[K, V]" = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> Optional[V]:
        """The entry, which has been used now; None where there is none (any more)."""
        found = self._kept.get(key)
        if found is not None:
            try:
                self._kept.move_to_end(key)
            except KeyError:
                pass  # another thread has just made it go
        return found

    def keep(self, key: K, value: V) -> None:
        """Sets an entry; the one that was not used for longest goes where there are too many."""
        self._kept[key] = value
        while len(self._kept) > self._most:
            try:
                self._kept.popitem(last=False)
            except KeyError:
                return

    def forget(self, key: K) -> None:
        """There is no such entry any more. Idempotent."""
        try:
            del self._kept[key]
        except KeyError:
            pass
