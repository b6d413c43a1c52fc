"""The store as its users see it: operations run on whichever database is configured."""

from __future__ import annotations

from collections.abc import Callable

from gateway.database.port import Database, Operation, T, Urgency
from gateway.store import schema


class Store:
    """Runs the operations of this folder.

    `run(lambda: leads.resolve(tenant, lead))` is a transaction. Raises DatabaseUnavailable where
    the database can't do it now.
    """

    def __init__(self, database: Database) -> None:
        """A store in this database; `start` creates what is missing."""
        self.database = database

    async def start(self) -> None:
        """Create the tables. Raises NewerStore, DatabaseUnavailable."""
        await self.run(schema.create)

    async def run(
        self, operation: Callable[[], Operation[T]], urgency: Urgency = Urgency.LATER
    ) -> T:
        """One operation in one transaction."""
        return await self.database.run(operation, urgency)
