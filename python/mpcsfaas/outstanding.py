"""Futures that are waited for, by the ids of their tasks."""
from typing import Any, Dict

from .futures import TaskFuture


class Outstanding(Dict[str, TaskFuture[Any]]):
    """The first future of each task, which tells the others (R5 of results.py). For whoever holds the lock of the results."""

    def expect(self, future: TaskFuture[Any]) -> None:
        """It is told of the end of its task."""
        first = self.get(future.task_id)
        if first is None or first.done():
            self[future.task_id] = future
        elif first is not future:
            first._tell(future)

    def leave(self, future: TaskFuture[Any]) -> bool:
        """Nobody waits for it any more: the others of its task go on. True where it was the first."""
        first = self.get(future.task_id)
        if first is future:
            del self[future.task_id]
            others, future._others = future._others or [], []
            for other in others:
                self.expect(other)
            return True
        if first is not None and future in (first._others or []):
            first._others = [other for other in first._others or [] if other is not future]
        return False
