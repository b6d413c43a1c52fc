"""Phone numbers as people write them, read as one dials them somewhere."""

from __future__ import annotations

import re
from functools import lru_cache

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@lru_cache(maxsize=16_384)
def e164(text: str, region: str) -> str | None:
    """The number in E.164, where it can be read; `region` (ISO country) reads national ones. One
    without its area code can't be: nobody could call it from abroad."""
    if _E164.fullmatch(text):
        return text
    # Its tables take a tenth of the start to load, and many calls carry no national number.
    import phonenumbers  # noqa: PLC0415

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=16_384)
def national(number: str, region: str) -> str:
    """An E.164 number as it is dialled inside `region`; unchanged where it is another country's
    or can't be read."""
    import phonenumbers  # noqa: PLC0415 - as above

    try:
        read = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    if phonenumbers.region_code_for_number(read) != region:
        return number
    dialled = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.normalize_digits_only(dialled)


@lru_cache(maxsize=16_384)
def parted(number: str) -> tuple[str, str] | None:
    """The calling code of a number in E.164, with its plus, and the national digits after it;
    None where it is none or nobody has that code."""
    import phonenumbers  # noqa: PLC0415 - as above

    if _E164.fullmatch(number) is None:
        return None
    try:
        code = f"+{phonenumbers.parse(number, None).country_code}"
    except phonenumbers.NumberParseException:
        return None
    return code, number.removeprefix(code)


def dashed(number: str) -> str:
    """An E.164 number with a dash after its country code (`+61-491570006`); unchanged where it
    can't be read."""
    return "-".join(parted(number) or (number,))
