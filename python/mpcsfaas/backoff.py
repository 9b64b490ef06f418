"""How long to wait before the next try: exponential, with jitter, bounded."""
import random
from typing import Callable

_FIRST = 0.05
_LONGEST = 5.0


def pause(tries: int, retry_after: float = 0.0, draw: Callable[[], float] = random.random) -> float:
    """Seconds before try number `tries` (from 1). Never less than the service asked for (`retry_after`, seconds)."""
    grown = min(_LONGEST, _FIRST * 2.0 ** min(tries - 1, 20))
    drawn = draw()
    return max(retry_after * (1.0 + 0.1 * drawn), grown * (0.5 + 0.5 * drawn))
