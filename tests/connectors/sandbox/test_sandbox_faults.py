"""Which calls a fault hits."""

from __future__ import annotations

from connectors.sandbox.faults import Fault, Faults


def hits(*posted: Fault, calls: int) -> list[int | None]:
    """The number of the fault that hit each of so many calls."""
    faults = Faults()
    for fault in posted:
        faults.add(fault)
    chosen = [faults.choose(lambda: None) for _ in range(calls)]
    return [active.number if active else None for active in chosen]


def test_draws_can_be_repeated() -> None:
    """The same seed hits the same calls, another one others; the share is the probability."""
    seven = Fault(status=500, probability=0.3, seed=7)
    first = hits(seven, calls=1000)
    assert first == hits(seven, calls=1000)
    assert first != hits(seven.model_copy(update={"seed": 8}), calls=1000)
    assert 250 <= first.count(1) <= 350


def test_draws_without_a_seed_can_be_repeated_too() -> None:
    """The fault's number seeds them."""
    fault = Fault(status=500, probability=0.5)
    assert hits(fault, calls=100) == hits(fault, calls=100)


def test_several_probable_faults_share_the_calls() -> None:
    """Each draws for the calls that those before it left."""
    half = Fault(drop="after", probability=0.5)
    chosen = hits(half, half, calls=1000)
    assert 450 <= chosen.count(1) <= 550
    assert 200 <= chosen.count(2) <= 300
    assert chosen.count(None) == 1000 - chosen.count(1) - chosen.count(2)
