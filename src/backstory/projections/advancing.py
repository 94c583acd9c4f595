"""Moving the checkpoint of one partition, each time together with the work that it stands for."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from backstory.core.errors import CheckpointMoved, ReadModelUnavailable
from backstory.projections.checkpoint import move_checkpoint, read_checkpoint
from backstory.projections.parking import count_parked_in
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel


class Advance:
    """The checkpoint of a partition as one worker knows it, and the transactions that move it.

    `position` is what the worker has applied, `parked` how many events of the partition stand
    aside. With the `token` of a lease, nothing is written once a newer token was given out.
    """

    def __init__(
        self,
        partition: Partition,
        read_model: ReadModel,
        token: int | None,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        """Take what it works with; call `start` first, which begins with *prepare*."""
        self.partition = partition
        self.read_model = read_model
        self.position: int = 0
        self.parked: int = 0
        self._token = token
        self._prepare = prepare
        self._clock = read_model.clock
        self._in_doubt: int | None = None

    def start(self) -> int:
        """Return the checkpoint, having prepared what is missing."""
        if self._prepare is not None:
            self._prepare()

        def look(connection: Connection) -> tuple[int | None, int]:
            position = read_checkpoint(connection, self.partition)
            return position, count_parked_in(connection, self.partition)

        position, self.parked = self.read_model.write(look)
        if position is None:
            message = f"the checkpoint of {self.partition} is gone: it was reset. Start again."
            raise CheckpointMoved(message)
        self.position = position
        return position

    def commit(self, covered: int, work: Callable[[Connection], int]) -> None:
        """Move the checkpoint to *covered* and do *work*, which says how many events it parked."""

        def transaction(connection: Connection) -> int:
            # First of all: it takes the lock, so nobody parks or applies beside this transaction.
            move_checkpoint(
                connection,
                self.partition,
                self.position,
                covered,
                self._clock(),
                token=self._token,
            )
            self.parked = count_parked_in(connection, self.partition)
            return work(connection)

        self._in_doubt = covered
        try:
            newly_parked = self.read_model.write(transaction)
        except ReadModelUnavailable:
            raise  # its answer may be what was lost: the doubt stays
        except BaseException:
            self._in_doubt = None
            raise
        self._in_doubt = None
        self.position = covered
        self.parked += newly_parked

    def go(self, covered: int, work: Callable[[Connection], int]) -> None:
        """Do what `commit` does, if that is still to be done; may be called again."""
        self.settle_doubt()
        if covered > self.position:
            self.commit(covered, work)

    def settle_doubt(self) -> None:
        """Find out whether a transaction whose answer was lost was committed after all."""
        if self._in_doubt is None:
            return
        stored = self.read_model.write(
            lambda connection: read_checkpoint(connection, self.partition)
        )
        if stored == self._in_doubt:
            self.position = self._in_doubt
        self._in_doubt = None
