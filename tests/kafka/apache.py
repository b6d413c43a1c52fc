"""Apache Kafka itself, on the loopback: one node or several, without containers.

Each node is a broker and a controller (KRaft with static voters) in a small JVM of its own. On a
single node there is a listener for every security, and one that is met through a `Relay`, which
can lose what goes by.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka.artifacts import VERSION, jars
from tests.kafka.certificates import Certificates, certificates
from tests.ports import free_ports

MARKS: Final = [pytest.mark.timeout(60, func_only=True)]
"""Of a test on Apache Kafka: what it takes to fetch and start it is no test's time."""

STARTED_WITHIN: Final = 90.0
USER: Final = "alice"
PASSWORD: Final = "wonder:land @1"
"""Of the one user that the SASL listeners know."""
_MEMORY: Final = ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SECURE: Final = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
_LOGGING: Final = {
    "log4j.properties": """\
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c %m%n
""",
    "log4j2.properties": """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
""",
}
_SETTINGS: Final = {
    "process.roles": "broker,controller",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # Records in tests are as old as the test says.
    "log.retention.ms": "-1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "broker.session.timeout.ms": "6000",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
}
_LOGINS: Final = {
    "plain": f'plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
    "scram-sha-256": "scram.ScramLoginModule required;",
    "scram-sha-512": "scram.ScramLoginModule required;",
    "oauthbearer": "oauthbearer.OAuthBearerLoginModule required"
    ' unsecuredLoginStringClaim_sub="broker";',
}


@dataclass
class Node:
    """One JVM."""

    number: int
    folder: Path
    ports: Mapping[str, int]
    """Listener -> port; `RELAY` is where the relay of listener `RELAYED` is met."""
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def data(self) -> Path:
        """Where its partitions lie, one folder each."""
        return self.folder / "data"

    def address(self, listener: str) -> str:
        """`host:port` of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def start(self, library: Path) -> None:
        """Start it; it is ready some seconds later."""
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                _java(library, self.folder, "kafka.Kafka", str(self.folder / "server.properties")),
                stdout=out,
                stderr=out,
            )

    def kill(self) -> None:
        """As a machine that fails: by its own process id, with no time to say goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "out").read_text(errors="replace")[-4000:]


class ApacheKafka:
    """A cluster of nodes 1, 2, …"""

    def __init__(self, folder: Path, nodes: int = 1, version: str = VERSION) -> None:
        """Fetch what it takes and start; ready when this returns."""
        self._library = jars(version)
        self.certificates = certificates(folder)
        names = ["PLAINTEXT", "CONTROLLER", "RELAYED", "RELAY", *_SECURE]
        ports = iter(free_ports(nodes * len(names)))
        self.nodes = [
            Node(number, folder / str(number), {name: next(ports) for name in names})
            for number in range(1, nodes + 1)
        ]
        # An id is 16 bytes in base64, and does not begin with a dash.
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        try:
            self._prepare(cluster)
            for node in self.nodes:
                node.start(self._library)
            self.await_nodes(nodes)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        """Stop it at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _prepare(self, cluster: str) -> None:
        for node in self.nodes:
            node.folder.mkdir()
            for name, text in _LOGGING.items():
                (node.folder / name).write_text(text)
            file = node.folder / "server.properties"
            settings = _settings(node, self.nodes, self.certificates)
            file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
            users = [
                word
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for word in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
            ]
            words = ("format", "-t", cluster, "-c", str(file), *users)
            command = _java(self._library, node.folder, "kafka.tools.StorageTool", *words)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    @property
    def servers(self) -> str:
        """`host:port,…` without security."""
        return self.at("PLAINTEXT")

    def at(self, listener: str) -> str:
        """`host:port,…` of a listener."""
        return ",".join(node.address(listener) for node in self.nodes)

    def await_nodes(self, count: int) -> None:
        """Wait until so many nodes are in the cluster."""
        self._await(lambda: len(self.admin.list_topics(timeout=2).brokers) == count)

    def _await(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + STARTED_WITHIN
        while True:
            for node in self.nodes:
                ended = node.process is not None and node.process.poll() is not None
                assert not ended, node.said()
            with contextlib.suppress(KafkaException):
                if true():
                    return
            assert time.monotonic() < until, "\n".join(node.said() for node in self.nodes)
            time.sleep(0.05)

    def restart(self, node: Node) -> None:
        """Start a node that was killed."""
        node.start(self._library)

    @cached_property
    def admin(self) -> AdminClient:
        """Another client than ours, to look and to prepare with."""
        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0})

    def create_all(self, topics: Mapping[str, int], **settings: str) -> None:
        """Create topics with these numbers of partitions, on all nodes; every node knows them
        when this returns."""
        made = [
            NewTopic(name, partitions, len(self.nodes), config=dict(settings))
            for name, partitions in topics.items()
        ]
        for future in self.admin.create_topics(made).values():
            future.result(30)
        for node in self.nodes:
            asked = AdminClient({"bootstrap.servers": node.address("PLAINTEXT"), "log_level": 0})
            self._await(partial(_led, asked, topics))

    def batches(self, topic: str, part: int = 0) -> Iterator[bytes]:
        """The batches of a partition as they lie on the disk of the first node."""
        left = (self.nodes[0].data / f"{topic}-{part}" / f"{0:020}.log").read_bytes()
        while len(left) > 12 and (size := 12 + int.from_bytes(left[8:12])) > 12:
            yield left[:size]
            left = left[size:]

    def stop(self) -> None:
        """Kill the nodes: nobody wants their data."""
        for node in self.nodes:
            node.kill()


def _led(admin: AdminClient, topics: Mapping[str, int]) -> bool:
    known = admin.list_topics(timeout=2).topics
    return all(
        name in known
        and len(known[name].partitions) == count
        and all(part.leader >= 0 for part in known[name].partitions.values())
        for name, count in topics.items()
    )


def _java(library: Path, folder: Path, *words: str) -> Sequence[str]:
    logging = (
        f"-Dlog4j.configuration=file:{folder}/log4j.properties",
        f"-Dlog4j2.configurationFile={folder}/log4j2.properties",
    )
    return ["java", *_MEMORY, *logging, "-cp", f"{library}{os.sep}*", *words]


def _settings(
    node: Node, nodes: Sequence[Node], certificates: Certificates
) -> Mapping[str, str | int]:
    copies = str(len(nodes))
    in_sync = str(max(1, len(nodes) - 1))
    secure = _SECURE if len(nodes) == 1 else ()
    listeners = ("PLAINTEXT", "CONTROLLER", "RELAYED", *secure)
    voters = [f"{one.number}@127.0.0.1:{one.ports['CONTROLLER']}" for one in nodes]
    advertised = {**node.ports, "RELAYED": node.ports["RELAY"]}
    protocols = {"CONTROLLER": "PLAINTEXT", "RELAYED": "PLAINTEXT"}

    def addresses(names: Sequence[str], ports: Mapping[str, int]) -> str:
        return ",".join(f"{name}://127.0.0.1:{ports[name]}" for name in names)

    return {
        **_SETTINGS,
        "node.id": node.number,
        "controller.quorum.voters": ",".join(voters),
        "listeners": addresses(listeners, node.ports),
        "advertised.listeners": addresses(
            [name for name in listeners if name != "CONTROLLER"], advertised
        ),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocols.get(name, name)}" for name in listeners
        ),
        "log.dirs": str(node.data),
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        **({} if not secure else _security(certificates)),
    }


def _security(certificates: Certificates) -> Mapping[str, str]:
    logins = {
        f"listener.name.{listener}.{mechanism}.sasl.jaas.config": (
            f"org.apache.kafka.common.security.{login}"
        )
        for listener in ("sasl_plaintext", "sasl_ssl")
        for mechanism, login in _LOGINS.items()
    }
    return {
        "ssl.keystore.location": str(certificates.broker),
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.ssl.ssl.client.auth": "required",
        **logins,
    }
