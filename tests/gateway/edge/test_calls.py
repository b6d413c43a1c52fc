"""A call that is written down finds the dialect that the listener would."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from connectors.pollybot import VENDOR
from connectors.vendor import SampleCall
from gateway.edge.calls import find
from gateway.edge.paths import Paths
from tests.contracts.subjects import every_sample
from tests.contracts.vendors import Subject, call_of


@every_sample
def test_every_recorded_call_finds_its_dialect(subject: Subject, sample: SampleCall) -> None:
    """Path parameters, query and headers too."""
    query = urlencode(sample.query)
    headers = {name.lower(): value for name, value in sample.headers}
    found = find(Paths([subject.dialect]), sample.method, sample.path, query, headers)
    assert found is not None
    assert found.call._replace(query=list(found.call.query)) == call_of(
        subject.dialect, sample
    )._replace(query=list(sample.query))
    assert found.route is not None


@every_sample
def test_another_method_and_another_path_find_none(subject: Subject, sample: SampleCall) -> None:
    """The path is known, the method is not; and a path that nobody serves."""
    found = find(Paths([subject.dialect]), "BREW", sample.path, "", {})
    assert found is not None
    assert (found.route, sample.method in found.methods) == (None, True)
    assert find(Paths([subject.dialect]), sample.method, f"/nowhere{sample.path}", "", {}) is None


@pytest.mark.parametrize("part", ["a%2Fb", "a%20b", "%C3%A9", "%ED%A0%80"])
def test_a_part_of_a_path_is_decoded_once(part: str) -> None:
    """A slash that is spelt out belongs to the id; what is no text is none afterwards either."""
    assert VENDOR.dialect is not None
    found = find(Paths([VENDOR.dialect]), "PUT", f"/api/v1/leads/{part}", "", {})
    assert found is not None
    decoded = {"a%2Fb": "a/b", "a%20b": "a b", "%C3%A9": "é", "%ED%A0%80": "\ufffd" * 3}[part]
    assert list(found.call.parameters.values()) == [decoded]
