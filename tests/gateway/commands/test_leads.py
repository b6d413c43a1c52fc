"""Reading a file of links: all rows or none, and the line of the first that is bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.commands.leads import BadFile, read
from gateway.model.event import LeadId


def test_rows_with_one_label_are_one_lead(tmp_path: Path) -> None:
    """In any order of rows and columns, with a byte order mark and empty lines."""
    file = tmp_path / "links.csv"
    file.write_text(
        "\ufeffsystem,lead,id,scope\n"
        "noojee-au,jane,9856,allocation_id=38\n"
        "polly,joe,lead_2,\n"
        "\n"
        'email,jane,"Jane@Example.com",\n',
        encoding="utf-8",
    )
    assert read(file) == [
        [
            LeadId("noojee-au", "9856", (("allocation_id", "38"),)),
            LeadId("email", "jane@example.com"),
        ],
        [LeadId("polly", "lead_2")],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: the columns are lead,system,scope,id"),
        ("lead,system,id\n", ":1: the columns are lead,system,scope,id"),
        ("lead,system,scope,id\n", ": it has no rows"),
        ("lead,system,scope,id\na,polly,,x\na,polly,,\n", ":3: a lead's id has a system and an id"),
        ("lead,system,scope,id\na,polly,,x,y\n", ":2: it has 5 cells, not 4"),
        ("lead,system,scope,id\n,polly,,x\n", ":2: it has no lead"),
        (
            "lead,system,scope,id\na,polly,where,x\n",
            ":2: a scope is key=value;key=value, not 'where'",
        ),
        (
            "lead,system,scope,id\na,phone,,0383218199\n",
            ":2: a phone number is given in E.164 (+ and digits)",
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    """Nothing is linked."""
    file = tmp_path / "links.csv"
    file.write_text(text)
    with pytest.raises(BadFile) as told:
        read(file)
    assert str(told.value) == f"{file}{said}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As the system says it."""
    with pytest.raises(BadFile, match="No such file"):
        read(tmp_path / "none.csv")
