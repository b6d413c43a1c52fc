"""Reads triggers from Kafka, each once: `python consumer.py localhost:9092`.

leadwire writes a trigger again, under the same id, where it can't know that it wrote it. Here the
ids are remembered in a file, together with what is done: one transaction, so a crash repeats
nothing. Needs `pip install aiokafka`.
"""

import asyncio
import json
import sqlite3
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer

TOPIC, GROUP, REMEMBERED = "leadwire.triggers", "my-automation", "seen.db"


def handle(kind: str, lead: str, data: dict[str, Any], db: sqlite3.Connection) -> None:
    """What is to be done. What goes elsewhere than into `db` should carry the trigger's id."""
    db.execute("INSERT INTO done VALUES (?, ?)", (lead, kind))
    print(kind, lead, data["update"]["changes"].get("disposition", {}).get("value", ""), flush=True)


async def main(servers: str) -> None:
    """Read for ever."""
    db = sqlite3.connect(REMEMBERED)
    db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS done (lead TEXT, kind TEXT)")
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=servers,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            if not headers.get("ce_type", "").startswith("io.leadwire.trigger."):
                continue
            with db:  # the id and what is done because of it, or neither
                new = db.execute(
                    "INSERT OR IGNORE INTO seen VALUES (?, ?)",
                    (headers["ce_id"], headers.get("ce_time", "")),
                )
                if new.rowcount:
                    data = json.loads(record.value)
                    handle(data["kind"], record.key.decode(), data, db)
            await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
