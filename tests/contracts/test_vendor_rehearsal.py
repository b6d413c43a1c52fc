"""What every vendor's connector keeps: what is shown is what is sent."""

from __future__ import annotations

from functools import partial

from connectors.delivery.connector import Applied
from connectors.delivery.rehearsing import talk
from connectors.vendor import SampleCall
from tests.contracts.subjects import every_delivery, every_sample
from tests.contracts.vendors import Delivered, Subject, asked_of, concluded, held


@every_delivery
def test_what_is_shown_is_what_a_vendor_gets_that_has_just_the_lead(
    subject: Delivered, number: int
) -> None:
    """Request by request, a write after a read too."""
    delivery = subject.deliveries[number]
    shown = talk(subject.connect(), delivery)
    backend = subject.backend({"id": subject.seed["id"]})
    sent, _ = held(subject.connect().converse([delivery]), partial(asked_of, backend))
    assert shown.requests == tuple(sent)
    assert isinstance(shown.verdict, Applied)


@every_sample
def test_what_is_shown_as_left_out_is_left_out(subject: Subject, sample: SampleCall) -> None:
    """As the vendor's own answers lead to it."""
    delivery = subject.delivery(sample)
    shown = talk(subject.connect(), delivery).verdict
    _, (verdict,) = concluded(subject, delivery, subject.backend(subject.seed))
    assert isinstance(shown, Applied)
    assert isinstance(verdict, Applied)
    assert shown.dropped == verdict.dropped
