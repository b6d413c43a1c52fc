"""An update in any dialect reaches all four vendors, each in its own words, and a webhook; a lead
that is not linked yet is waited for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.host import SandboxHost
from tests.journeys.everyone import (
    CONNECTORS,
    DIALECTS,
    arrived,
    everyone,
    ids_of,
    rows_of,
)
from tests.journeys.operating import leadwire
from tests.journeys.running import Document, eventually, link

NUMBER = "+61491570006"
IN_PARTS = {"phoneNumber": "491570006", "countryCode": "+61"}
HALVES = {"FirstName": "Ada", "LastName": "Lovelace"}
KEEP = "<No Change>"

SAID: dict[str, Document] = {
    "noojee": {
        "Name": "Ada Lovelace",
        "FirstPhone": "0491 570 006",
        "njDisposition": "Sale",
        "njCallBackDate": "2026/12/01 10:00",
        "City": "Abbotsford",
        "Budget": "12",
    },
    "leadsquared": {
        **HALVES,
        "Phone": "0491570006",
        "mx_Call_Disposition": "Sale",
        "mx_Budget": "12",
        "Company": "",
    },
    "bulk": {
        **HALVES,
        "Phone": "+61-491570006",
        "mx_Call_Disposition": "Sale",
        "ProspectStage": "Follow Up",
        "mx_Budget": 12,
    },
    "pollybot": {
        "name": "Ada Lovelace",
        "phone": "0491 570 006",
        "status": "follow_up",
        "metadata": {"budget": 12, "notes": "Ready"},
    },
    "dialnexa": {"name": "Ada Lovelace", **IN_PARTS, "notes": {"budget": "12"}},
    "native": {
        "full_name": "Ada Lovelace",
        "phones.primary": "0491 570 006",
        "disposition": "Sale",
        "status": "follow_up",
        "company": None,
        "attributes": {"budget": 12},
    },
}
"""What a caller says in each dialect."""

HEARD: dict[str, dict[str, Document]] = {
    "noojee": {
        "noojee-au": SAID["noojee"],
        "lsq": {
            **HALVES,
            "Phone": NUMBER,
            "mx_Call_Disposition": "Sale",
            "mx_City": "Abbotsford",
        },
        "polly": {
            "name": "Ada Lovelace",
            "phone": NUMBER,
            "metadata": {
                "disposition": "Sale",
                "follow_up_date": "2026-11-30T23:00:00Z",
                "address_city": "Abbotsford",
                "Budget": "12",
            },
        },
        "nexa": {
            "name": "Ada Lovelace",
            **IN_PARTS,
            "notes": {
                "disposition": "Sale",
                "callback_at": "2026-11-30T23:00:00Z",
                "address_city": "Abbotsford",
                "Budget": "12",
            },
        },
    },
    "leadsquared": {
        "noojee-au": {**HALVES, "FirstPhone": NUMBER, "njDisposition": "Sale", "Company": ""},
        "lsq": SAID["leadsquared"],
        "polly": {
            "name": "Ada Lovelace",
            "phone": NUMBER,
            "metadata": {"disposition": "Sale", "company": None, "mx_Budget": "12"},
        },
        "nexa": {
            "name": "Ada Lovelace",
            **IN_PARTS,
            "notes": {"disposition": "Sale", "mx_Budget": "12"},
        },
    },
    "bulk": {
        "noojee-au": {**HALVES, "FirstPhone": NUMBER, "njDisposition": "Sale"},
        "lsq": SAID["bulk"],
        "polly": {
            "name": "Ada Lovelace",
            "phone": NUMBER,
            "status": "follow_up",
            "metadata": {"disposition": "Sale", "mx_Budget": 12},
        },
        "nexa": {
            "name": "Ada Lovelace",
            **IN_PARTS,
            "notes": {"disposition": "Sale", "mx_Budget": 12},
        },
    },
    "pollybot": {
        "noojee-au": {"Name": "Ada Lovelace", "FirstPhone": NUMBER, "njDisposition": KEEP},
        "lsq": {**HALVES, "Phone": NUMBER, "ProspectStage": "Follow Up"},
        "polly": SAID["pollybot"],
        "nexa": {"name": "Ada Lovelace", **IN_PARTS, "notes": {"budget": 12, "notes": "Ready"}},
    },
    "dialnexa": {
        "noojee-au": {"Name": "Ada Lovelace", "FirstPhone": NUMBER, "njDisposition": KEEP},
        "lsq": {**HALVES, "Phone": NUMBER},
        "polly": {"name": "Ada Lovelace", "phone": NUMBER, "metadata": {"budget": "12"}},
        "nexa": SAID["dialnexa"],
    },
    "native": {
        "noojee-au": {
            "Name": "Ada Lovelace",
            "FirstPhone": NUMBER,
            "njDisposition": "Sale",
            "Company": "",
        },
        "lsq": {
            **HALVES,
            "Phone": NUMBER,
            "mx_Call_Disposition": "Sale",
            "ProspectStage": "Follow Up",
            "Company": "",
        },
        "polly": {
            "name": "Ada Lovelace",
            "phone": NUMBER,
            "status": "follow_up",
            "metadata": {"disposition": "Sale", "company": None, "budget": 12},
        },
        "nexa": {
            "name": "Ada Lovelace",
            **IN_PARTS,
            "notes": {"disposition": "Sale", "budget": 12},
        },
    },
}
"""What each vendor then hears, exactly: its own words back, other dialects' translated."""


def heard(host: SandboxHost, lead: str) -> dict[str, list[Any]]:
    """What every vendor received about a lead."""
    return {connector: arrived(host, connector, lead) for connector in CONNECTORS}


def told(host: SandboxHost) -> dict[str, Any]:
    """What the webhook was told: event to the name that it set."""
    found = {}
    call: Any
    for call in host.calls("webhook"):
        changes = call["body"]["data"]["changes"]
        found[call["body"]["id"]] = changes.get("full_name", changes.get("first_name"))["value"]
    return found


@pytest.mark.parametrize("mode", ["bulk", "async"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_update_reaches_every_vendor_in_its_words(
    tmp_path: Path, dialect: str, mode: str
) -> None:
    """Once each, and the webhook is told, signed."""
    async with everyone(tmp_path, ["one"], mode) as e:
        host = e.backends.host
        await link(e.server, ids_of("one"))
        answer = await e.speaker.say(dialect, "one", SAID[dialect])
        (event,) = answer.events
        assert answer.status == 200
        expected = {connector: [body] for connector, body in HEARD[dialect].items()}
        await eventually(lambda: heard(host, "one") == expected)
        await eventually(lambda: event in told(host))
        (hooked,) = host.leads("webhook")
        assert told(host) in ({event: "Ada Lovelace"}, {event: "Ada"})
        assert (hooked["event"], hooked["verified"], hooked["received"]) == (event, True, 1)


def tally(told: Document) -> dict[tuple[str, str], int]:
    """How many dead letters there are of each connector and code."""
    return dict(Counter((one["connector"], one["code"]) for one in told["dead_letters"]))


async def test_leads_that_are_linked_later_get_their_updates(tmp_path: Path) -> None:
    """In every dialect at once: a dead letter for each vendor that has no id, then a file of links
    and a redrive by command, and every vendor has heard its words, once."""
    async with everyone(tmp_path, DIALECTS) as e:
        host = e.backends.host
        for dialect in DIALECTS:
            await e.speaker.say(dialect, dialect, own_number(dialect))
        missing = {"noojee-au": 5, "lsq": 4, "polly": 5, "nexa": 5}
        expected = {(name, "lead_not_linked"): number for name, number in missing.items()}
        await e.when("/dead-letters", lambda told: tally(told) == expected)
        await eventually(lambda: len(told(host)) == len(DIALECTS))
        file = tmp_path / "links.csv"
        file.write_text(rows_of(DIALECTS))
        code, out, err = await leadwire(e.config, "leads", "import", str(file))
        assert (code, out.splitlines()[0], err) == (0, "linked 30 ids to 6 leads", "")
        code, out, err = await leadwire(e.config, "dead-letters", "redrive",
                                        "--code", "lead_not_linked")  # fmt: skip
        assert (code, out.splitlines()[0], err) == (0, "sends 19 dead letters again", "")
        once = {(connector, dialect): 1 for connector in CONNECTORS for dialect in DIALECTS}
        await eventually(lambda: counted(host) == once)
        await e.until("/dead-letters", dead_letters=[])
        assert len(told(host)) == len(DIALECTS)


def own_number(dialect: str) -> Document:
    """The update without its phone: two leads of an account can't have one number."""
    phones = {"FirstPhone", "Phone", "phone", "phoneNumber", "countryCode", "phones.primary"}
    return {name: value for name, value in SAID[dialect].items() if name not in phones}


def counted(host: SandboxHost) -> dict[tuple[str, str], int]:
    """How many updates of each lead each vendor received."""
    return {
        (connector, lead): len(arrived(host, connector, lead))
        for connector in CONNECTORS
        for lead in DIALECTS
    }
