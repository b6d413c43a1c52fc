"""A Kafka cluster inside this process: the mock that librdkafka tests itself with.

The confluent-kafka wheel carries librdkafka, which exports its mock cluster
(github.com/confluentinc/librdkafka, src/rdkafka_mock.h). It speaks the real protocol over real
sockets and can be told to fail. It knows no CreateTopics, does not check the sequence numbers of
an idempotent producer, and forgets everything when it is closed. Its ABI is promised for one
version only, so the wheel is pinned by the lock file.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import confluent_kafka

PRODUCE: Final = 0
FETCH: Final = 1
"""API keys (kafka.apache.org/protocol, "Api Keys")."""
NOT_LEADER: Final = 6
MESSAGE_TOO_LARGE: Final = 10
OUT_OF_ORDER_SEQUENCE: Final = 45
"""Error codes (kafka.apache.org/protocol, "Error Codes")."""

_PRODUCER_TYPE = 0
_POINTER, _INT, _INT16, _INT32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int16, ctypes.c_int32
_SIZE, _TEXT = ctypes.c_size_t, ctypes.c_char_p

# Function of librdkafka -> what it returns, what it takes.
_SIGNATURES: Final = {
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, _SIZE]),
    "rd_kafka_new": (_POINTER, [_INT, _POINTER, _TEXT, _SIZE]),
    "rd_kafka_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "rd_kafka_mock_cluster_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "rd_kafka_mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "rd_kafka_mock_partition_set_leader": (_INT, [_POINTER, _TEXT, _INT32, _INT32]),
    "rd_kafka_mock_broker_set_down": (_INT, [_POINTER, _INT32]),
    "rd_kafka_mock_broker_set_up": (_INT, [_POINTER, _INT32]),
    "rd_kafka_mock_broker_set_rtt": (_INT, [_POINTER, _INT32, _INT]),
    "rd_kafka_mock_push_request_errors_array": (None, [_POINTER, _INT16, _SIZE, _POINTER]),
}


@cache
def _library() -> ctypes.CDLL:
    """The librdkafka of the wheel."""
    beside = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    (path,) = beside.glob("librdkafka*.so*")
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class MockCluster:
    """A cluster of brokers 1, 2, … on the loopback."""

    def __init__(self, brokers: int = 1) -> None:
        """Start it."""
        self._rdkafka = _library()
        reason = ctypes.create_string_buffer(512)
        settings = self._rdkafka.rd_kafka_conf_new()
        self._rdkafka.rd_kafka_conf_set(settings, b"log_level", b"0", reason, len(reason))
        self._client = self._rdkafka.rd_kafka_new(_PRODUCER_TYPE, settings, reason, len(reason))
        assert self._client, reason.value
        self._cluster = self._rdkafka.rd_kafka_mock_cluster_new(self._client, brokers)
        self.servers: str = self._rdkafka.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> Self:
        """Close it at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the brokers; everything in them is gone."""
        self._rdkafka.rd_kafka_mock_cluster_destroy(self._cluster)
        self._rdkafka.rd_kafka_destroy(self._client)

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        self._say("topic_create", topic.encode(), partitions, 1)

    def create_all(self, topics: Mapping[str, int]) -> None:
        """Create topics with these numbers of partitions."""
        for topic, partitions in topics.items():
            self.create(topic, partitions)

    def lead(self, topic: str, partition: int, broker: int | None) -> None:
        """Give a partition this leader, or none."""
        leader = -1 if broker is None else broker
        self._say("partition_set_leader", topic.encode(), partition, leader)

    def down(self, broker: int) -> None:
        """Close a broker's connections and accept no others."""
        self._say("broker_set_down", broker)

    def up(self, broker: int) -> None:
        """Accept connections again."""
        self._say("broker_set_up", broker)

    def delay(self, broker: int, milliseconds: int) -> None:
        """Answer so much later."""
        self._say("broker_set_rtt", broker, milliseconds)

    def refuse(self, request: int, codes: Sequence[int]) -> None:
        """Answer the next requests of this API key with these error codes, one each."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._rdkafka.rd_kafka_mock_push_request_errors_array(
            self._cluster, request, len(codes), array
        )

    def _say(self, what: str, *arguments: bytes | int) -> None:
        code = getattr(self._rdkafka, f"rd_kafka_mock_{what}")(self._cluster, *arguments)
        assert code == 0, (what, arguments, code)
