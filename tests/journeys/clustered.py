"""leadwire as several processes: two gateways and three that run connectors, over three nodes of
Apache Kafka and a PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.serving import ROLES
from tests.journeys.clusters import until
from tests.journeys.operating import leadwire
from tests.journeys.processes import LEADWIRE, Crew, Member, events_of
from tests.journeys.running import Document
from tests.kafka.apache import ApacheKafka, Node
from tests.ports import free_port
from tests.postgres_server import PostgresServer

PROCESSES = (*("gateway,ledger",) * 2, *("connectors,automations",) * 3)
"""The roles of each."""
READY_WITHIN = 40.0
ENDS_WITHIN = 30.0
PARTITIONS = 6


class Cluster:
    """What the processes share: the brokers and the database. A deployment has topics and a
    database of its own there."""

    def __init__(self, kafka: ApacheKafka, postgres: PostgresServer) -> None:
        """Both run."""
        self.kafka, self.postgres = kafka, postgres
        self._names: dict[Path, str] = {}
        self._made: set[str] = set()

    def deploy(
        self,
        folder: Path,
        told: Document,
        roles: Sequence[str] = ROLES,
        program: Sequence[str] = LEADWIRE,
    ) -> Clustered:
        """One leadwire here, with what an earlier one of this folder left. Processes have only
        these roles; `program` is what Python runs."""
        name = self._names.setdefault(folder, f"run{len(self._names) + 1}")
        return Clustered(self, folder, told, name, roles, program)

    async def prepare(self, name: str, config: Path) -> None:
        """Make the database and the topics of a deployment, once."""
        if name in self._made:
            return
        async with self.postgres.administrator() as connection:
            await connection.execute(f"CREATE DATABASE {name}")
        code, _, err = await leadwire(config, "topics", "ensure")
        assert code == 0, err
        self._made.add(name)

    async def clear(self) -> None:
        """Delete the topics and the databases of all deployments, none of which runs: brokers with
        thousands of idle partitions are busy with them."""
        prefixes = tuple(f"{name}." for name in self._made)
        if not prefixes:
            return
        known = await asyncio.to_thread(self.kafka.admin.list_topics, timeout=30)
        topics = [topic for topic in known.topics if topic.startswith(prefixes)]
        for deleted in self.kafka.admin.delete_topics(topics).values():
            await asyncio.to_thread(deleted.result, 30)
        async with self.postgres.administrator() as connection:
            for name in self._made:
                await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.clear()

    async def kill(self, node: Node) -> None:
        """A broker fails, as a machine does."""
        await asyncio.to_thread(node.kill)

    async def revive(self, nodes: Sequence[Node]) -> None:
        """Start brokers again; they are in the cluster when this returns."""
        for node in nodes:
            self.kafka.restart(node)
        await asyncio.to_thread(self.kafka.await_nodes, len(self.kafka.nodes))


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Three nodes and a database, in this folder."""
    postgres = PostgresServer()
    try:
        postgres.start()
        with ApacheKafka(folder, nodes=3) as kafka:
            yield Cluster(kafka, postgres)
    finally:
        postgres.remove()


@dataclass
class Seat:
    """A place for a process: it is started there again and again."""

    roles: str
    port: int
    admin_port: int
    member: Member | None = None

    @property
    def filled(self) -> bool:
        """Whether a process runs there."""
        return self.member is not None and self.member.process.returncode is None


class Clustered:
    """See `Deployment`. What is done to a role is done to one process that has it, of which each
    has its turn."""

    patience = 60.0

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        told: Document,
        name: str,
        roles: Sequence[str],
        program: Sequence[str],
    ) -> None:
        """`Cluster.deploy` makes it; `start` starts it."""
        self.cluster, self._folder, self._name = cluster, folder, name
        wanted = [[one for one in some.split(",") if one in roles] for some in PROCESSES]
        self.seats = [Seat(",".join(some), free_port(), free_port()) for some in wanted if some]
        first = self.seats[0]
        self.doors: tuple[str, ...] = tuple(
            f"http://127.0.0.1:{seat.port}" for seat in self.seats if "gateway" in seat.roles
        )
        self.admin = f"http://127.0.0.1:{first.admin_port}"
        told = {
            **told,
            "server": {**told["server"], "port": first.port, "drain_after": "500ms"},
            "admin": {**told["admin"], "port": first.admin_port},
            "log": {
                "url": f"kafka://{cluster.kafka.servers}",
                "prefix": name,
                "partitions": PARTITIONS,
            },
            "store": {"url": cluster.postgres.url(name)},
        }
        self._crew = Crew(folder, told, program)
        self.config = self._crew.config
        self._turns = {role: itertools.cycle(self._having(role)) for role in ROLES}

    def _having(self, role: str) -> list[Seat]:
        return [seat for seat in self.seats if role in seat.roles.split(",")]

    async def start(self) -> None:
        """See the port."""
        for member in await self.launch():
            await until(member.ready, READY_WITHIN)

    async def launch(self) -> list[Member]:
        """Start every process that does not run; those."""
        await self.cluster.prepare(self._name, self.config)
        launched = []
        for seat in self.seats:
            if not seat.filled:
                seat.member = await self._crew.launch(
                    seat.roles, port=seat.port, admin_port=seat.admin_port
                )
                launched.append(seat.member)
        return launched

    def next(self, role: str) -> Member:
        """The process with this role whose turn it is, of those that run."""
        for _ in self.seats:
            seat = next(self._turns[role])
            if seat.filled and seat.member is not None:
                return seat.member
        raise RuntimeError(f"nobody has the role {role}")

    async def join(self, role: str) -> Member:
        """One more process with this role; it is ready."""
        return await self._crew.start(role)

    async def kill(self, role: str) -> None:
        """See the port."""
        await self.next(role).kill()

    async def terminate(self, role: str) -> int:
        """See the port."""
        return await asyncio.wait_for(self.next(role).terminate(), ENDS_WITHIN)

    async def end(self) -> set[int]:
        """See the port."""
        running = [seat.member for seat in self.seats if seat.filled and seat.member is not None]
        async with asyncio.timeout(2 * ENDS_WITHIN):
            return set(await asyncio.gather(*(member.terminate() for member in running)))

    async def close(self) -> None:
        """See the port."""
        await self._crew.end()

    def inflict(self, fault: str, text: str) -> None:
        """See the port."""
        (self._folder / fault).write_text(text)

    def lines(self) -> list[str]:
        """See the port."""
        return events_of(self._folder / "stderr")
