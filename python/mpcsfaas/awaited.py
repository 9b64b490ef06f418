"""What a future of asyncio can hold."""


def holdable(error: BaseException) -> BaseException:
    """The error, or one that it is the cause of: a future of asyncio refuses StopIteration, and before Python 3.12 whoever awaits it
    is told nothing and waits for ever."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError("StopIteration was raised, which nobody who awaits can be told: it is the cause of this")
    told.__cause__ = error
    return told
