"""Phone numbers, read and written."""

from __future__ import annotations

import pytest

from gateway.phones import dashed, e164, national, parted


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("0383218199", "AU", "+61383218199"),
        ("(03) 8321 8199", "AU", "+61383218199"),
        ("+61383218199", "US", "+61383218199"),
        ("2025550123", "US", "+12025550123"),
        ("03 8321 8199", "AU", "+61383218199"),
        ("555-0100", "US", None),
        ("12", "AU", None),
        ("n/a", "AU", None),
        ("", "AU", None),
    ],
)
def test_a_phone_is_read_as_dialled_in_the_callers_country(
    text: str, region: str, expected: str | None
) -> None:
    """And is no number where it can't be one."""
    assert e164(text, region) == expected


def test_a_phone_is_written_as_dialled_at_home() -> None:
    """Another country's stays in E.164."""
    numbers = [("+61383218199", "AU"), ("+61383218199", "US"), ("what", "AU")]
    assert [national(number, region) for number, region in numbers] == [
        "0383218199",
        "+61383218199",
        "what",
    ]


def test_a_phone_is_written_with_a_dash_after_its_country() -> None:
    """What can't be read stays as it is."""
    numbers = ["+61491570006", "+12025550123", "what"]
    assert [dashed(number) for number in numbers] == ["+61-491570006", "+1-2025550123", "what"]


def test_a_phone_is_parted_from_its_calling_code() -> None:
    """Digits are neither lost nor moved; nobody has the code 999."""
    numbers = ["+61383218199", "+15555550100", "+390612345678", "+9991234567", "0383218199"]
    assert [parted(number) for number in numbers] == [
        ("+61", "383218199"),
        ("+1", "5555550100"),
        ("+39", "0612345678"),
        None,
        None,
    ]
