"""Whoever leaves an executor: what has not ended is canceled."""
import logging
import math
import sys
import time
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from . import errors
from .futures import TaskFuture
from .results import Results
from .submits import Submits
from .transport import Transport

_log = logging.getLogger("mpcsfaas")

# Whoever leaves, by Ctrl-C or a time limit, waits no longer for an answer that is under way, for a service that is to cancel
# what is left, and for threads that are to end, each; seconds.
SECONDS = 2.0
# Ids in one request to cancel.
_PORTION = 10_000


class Cancels:
    """Cancels many calls of an executor."""

    def __init__(self, transport: Transport, submits: Submits, results: Results) -> None:
        self._transport = transport
        self._submits = submits
        self._results = results
        # Something was let go of that may hang in a request.
        self.has_given_up = False

    def abandon(self, futures: "Optional[List[TaskFuture[Any]]]" = None) -> None:
        """Cancels those of the futures (None: all) that have not ended, for somebody who does not want to wait: it takes a few
        seconds at the most, and where the service cannot be told that is logged, and they fail."""
        if sys.is_finalizing():
            return  # no other thread runs any more, and nobody lets go of their locks
        self._withdraw(futures, SECONDS)
        if futures is None:
            futures = [*self._results.outstanding(), *self._submits.on_the_way()]
        open_ = [future for future in futures if not future.done()]
        for future in open_:
            if not future.task_id:
                # Nobody knows yet whether the service has it: where it has, `accepted` cancels it.
                future._end_canceled()
                self.has_given_up = True
        by_id = {future.task_id: future for future in open_ if future.task_id}
        try:
            canceled, _ = self._many(list(by_id), False, SECONDS)
        except errors.FaasError as error:
            self.has_given_up = True
            _log.warning("%d calls were left and could not be canceled: %s", len(by_id), error)
            for future in by_id.values():
                future._fail(error)
                self._results.forget(future)
            return
        self._settle_canceled(by_id, canceled)

    def unbegun(self) -> None:
        """Cancels what has not begun. Raises FaasError where the service cannot be asked."""
        self._withdraw(None, math.inf)
        by_id = {future.task_id: future for future in self._results.outstanding() if not future.done()}
        canceled, running = self._many(list(by_id), True)
        if running:
            # Workers take short calls ahead: of those that are RUNNING only the oldest can have begun, one a slot. Twice as
            # many are let be, for workers begin in no strict order.
            slots = int(self._transport.call("GET", "/v1/stats")["slots"])
            canceled += self._many(running[2 * slots :], False)[0]
        self._settle_canceled(by_id, canceled)

    def late(self, futures: "List[TaskFuture[Any]]") -> None:
        """Of tasks that were accepted after they were given up here. Those that came with them are not to suffer from it."""
        try:
            self._many([future.task_id for future in futures], False)
        except errors.FaasError as error:
            _log.warning("%d calls were given up and could not be canceled: %s", len(futures), error)
        for future in futures:
            self._results.forget(future)

    def misfits(self, futures: "List[TaskFuture[Any]]", problem: str) -> None:
        """Of tasks that were submitted when nobody knew yet that no worker fits them: those that wait fail with VersionMismatch."""
        by_id = {future.task_id: future for future in futures}
        # Or their end would be heard, and be that of a task that was canceled.
        for future in futures:
            self._results.forget(future)
        canceled: List[str] = []
        try:
            canceled, _ = self._many(list(by_id), True, SECONDS)
        except errors.FaasError as error:
            _log.warning("%d calls may wait for ever (%s) and could not be canceled: %s", len(by_id), problem, error)
        for task_id in canceled:
            mismatch = errors.VersionMismatch(problem)
            mismatch.task_id = task_id
            by_id.pop(task_id)._fail(mismatch)
        self._results.add(list(by_id.values()))

    def by_ids(self, ids: Sequence[str]) -> None:
        """Of tasks that nobody waits for any more. Raises FaasError."""
        self._many(ids, False)

    def _withdraw(self, futures: "Optional[List[TaskFuture[Any]]]", seconds: float) -> None:
        """Takes back those of the futures (None: all) that have not left, also what comes back from under way within so long."""
        for longest in (seconds, 0.0):
            unsent = self._submits.withdraw_all() if futures is None else self._submits.withdraw_some(futures)
            for future in unsent:
                future._end_canceled()
            # What is under way has an id when that is over, or waits again.
            self._submits.wait_for_answer(longest)

    def _settle_canceled(self, by_id: "Dict[str, TaskFuture[Any]]", canceled: Iterable[str]) -> None:
        for task_id in canceled:
            by_id[task_id]._end_canceled()
            self._results.forget(by_id[task_id])

    def _many(self, ids: Sequence[str], only_waiting: bool, seconds: float = math.inf) -> Tuple[List[str], List[str]]:
        """(canceled, let be because they run), in the order asked. seconds: for each request."""
        canceled: List[str] = []
        running: List[str] = []
        for at in range(0, len(ids), _PORTION):
            body = {"task_ids": list(ids[at : at + _PORTION]), "only_waiting": only_waiting}
            answer = self._transport.call("POST", "/v1/tasks/cancel", body, until=time.monotonic() + seconds)
            canceled += answer["canceled"]
            running += answer["running"]
        return canceled, running
