"""`leadwire topics ensure` on Apache Kafka."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import yaml
from confluent_kafka.admin._config import ConfigResource

from gateway.clock import SystemClock
from gateway.eventlog.kafka import KafkaLog
from gateway.eventlog.port import Topic
from tests.contracts.eventlogs import new
from tests.kafka.apache import MARKS, ApacheKafka

pytestmark = MARKS
_NUMBERS = itertools.count()
THIN = (
    "lw{0}.updates, lw{0}.outcomes, lw{0}.triggers, lw{0}.dead-letters, lw{0}.replies: replication"
    " 1 and min.insync.replicas 1; an accepted update survives the loss of a broker from 3 and 2 on"
)


class Said(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


async def leadwire(config: Path, *words: str) -> Said:
    """Run the command as an operator does."""
    command = [sys.executable, "-m", "gateway", "topics", *words, "--config", str(config)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )
    return Said(done.returncode, done.stdout, done.stderr)


def configuration(folder: Path, url: str, number: int = 0, **log: Any) -> Path:
    """A file with a log on Kafka and nothing else."""
    path = folder / "leadwire.yaml"
    store = {"url": url if url.startswith("sqlite:") else "sqlite:store.db"}
    log = {"url": url, "prefix": f"lw{number}", **log}
    path.write_text(yaml.safe_dump({"log": log, "store": store}))
    return path


def settings_of(cluster: ApacheKafka, topic: str) -> Mapping[str, str | None]:
    """A topic's configuration, as another client is told it."""
    asked = ConfigResource(ConfigResource.Type.TOPIC, topic)
    (future,) = cluster.admin.describe_configs([asked]).values()
    return {name: entry.value for name, entry in future.result(30).items()}


async def test_what_is_missing_is_made_once(apache: ApacheKafka, tmp_path: Path) -> None:
    """As the settings say; a dry run makes nothing, and a log can be opened on what was made."""
    number = next(_NUMBERS)
    given = {"partitions": 6, "replies": 2, "retention": "3d"}
    config = configuration(tmp_path, f"kafka://{apache.servers}", number, **given)
    said = {
        word: await leadwire(config, "ensure", "--json", *options)
        for word, options in (("dry", ("--dry-run",)), ("first", ()), ("second", ()))
    }
    warning = THIN.format(number)
    for word, state in (("dry", "missing"), ("first", "created"), ("second", "existing")):
        assert (said[word].code, said[word].err) == (0, f"warning: {warning}\n")
        assert orjson.loads(said[word].out) == {
            "dry_run": word == "dry",
            "brokers": 1,
            "topics": [
                {
                    "name": f"lw{number}.{topic}",
                    "state": state,
                    "partitions": 2 if topic is Topic.REPLIES else 6,
                    "replication": 1,
                    "differences": [],
                }
                for topic in Topic
            ],
            "warnings": [warning],
        }
    made = settings_of(apache, f"lw{number}.updates")
    assert (made["retention.ms"], made["cleanup.policy"]) == ("259200000", "delete")
    log = KafkaLog(f"kafka://{apache.servers}", f"lw{number}", SystemClock())
    await log.start()
    try:
        assert [log.partitions(topic) for topic in Topic] == [6, 6, 6, 6, 2]
        assert await log.append([new('"' + "x" * 900_000 + '"', 5)]) == [0]
    finally:
        await log.close()


async def test_another_number_of_partitions_is_refused(apache: ApacheKafka, tmp_path: Path) -> None:
    """And left as it is; other differences are told, and nothing changes them either."""
    number = next(_NUMBERS)
    url = f"kafka://{apache.servers}"
    own = {"retention.ms": "60000", "message.timestamp.after.max.ms": "3600000"}
    apache.create_all({f"lw{number}.updates": 3}, **own)
    config = configuration(tmp_path, url, number, partitions=6)
    code, out, err = await leadwire(config, "ensure", "--json")
    updates, *others = orjson.loads(out)["topics"]
    assert updates["differences"] == [
        {"setting": "partitions", "wanted": "6", "found": "3"},
        {"setting": "max.message.bytes", "wanted": "2097152", "found": "1048588"},
        {
            "setting": "message.timestamp.after.max.ms",
            "wanted": "9223372036854775807",
            "found": "3600000",
        },
        {"setting": "retention.ms", "wanted": "1209600000", "found": "60000"},
    ]
    assert (code, {one["state"] for one in others}) == (1, {"created"})
    assert err.splitlines()[-1] == (
        f"leadwire: lw{number}.updates: partitions are fixed when a topic is created; set"
        " log.partitions and log.replies to what is there"
    )
    assert settings_of(apache, f"lw{number}.updates")["retention.ms"] == "60000"
    config = configuration(tmp_path, url, number, partitions=3, retention="60s")
    said = await leadwire(config, "ensure")
    assert said.code == 1
    config = configuration(tmp_path, url, number, partitions=6, replies=9)
    assert f"lw{number}.updates, lw{number}.replies" in (await leadwire(config, "ensure")).err


@pytest.mark.parametrize(
    ("url", "log", "code", "problem"),
    [
        ("sqlite:a.db", {}, 2, "names no Kafka cluster"),
        ("kafka://h?security=ssl", {"kafka": {"cert": "a"}}, 2, "security ssl needs key"),
        ("kafka://127.0.0.1:9", {}, 1, "Unable to bootstrap"),
        (None, {"replication": 3}, 2, "log.replication is 3, and the cluster has 1 broker"),
    ],
)
async def test_what_cannot_be_done_is_said(
    apache: ApacheKafka,
    tmp_path: Path,
    url: str | None,
    log: dict[str, Any],
    code: int,
    problem: str,
) -> None:
    """With the exit code of its kind."""
    config = configuration(tmp_path, url or f"kafka://{apache.servers}", **log)
    said = await leadwire(config, "ensure")
    assert (said.code, said.out) == (code, "")
    assert problem in said.err
