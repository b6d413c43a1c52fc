"""Every metric, in one table: its name, kind, labels and meaning stand in the body of `Metrics`.

Base units (seconds, bytes), and neither tenant nor lead in any label. A metric is called with
its labels' values and gives the bound child, made once:

    metrics.requests("noojee", "200").inc()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Generic, TypeVar, overload

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.meters import Counter, Gauge, Histogram

Kind = TypeVar("Kind", Counter, Gauge, Histogram)

EXCHANGE = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds in seconds for one call or append: a millisecond to a minute."""
AGE = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0),
)
"""Upper bounds in seconds for what may also wait for a vendor: milliseconds to a day."""


class Family(Generic[Kind]):
    """A metric with all its label values."""

    __slots__ = ("_row", "children")

    def __init__(self, row: Definition[Kind]) -> None:
        """A metric without labels is its own only child."""
        self._row: Definition[Kind] = row
        self.children: dict[tuple[str, ...], Kind] = {}

    def __call__(self, *labels: str) -> Kind:
        """The child with these label values, in the order of the table. Raises ValueError for a
        wrong number of them."""
        child = self.children.get(labels)
        if child is None:
            if len(labels) != len(self._row.labels):
                raise ValueError(f"{self._row.name} has the labels {self._row.labels}")
            make: Callable[[tuple[float, ...]], Kind] = self._row.kind
            child = self.children[labels] = make(self._row.buckets)
        return child

    def clear(self) -> None:
        """Forget all children: for a gauge with labels that is set anew at each scrape."""
        self.children.clear()

    def forget(self, *labels: str) -> None:
        """Drop a child: what it says is no longer this process's to say."""
        self.children.pop(labels, None)


class Definition(Generic[Kind]):
    """A row of the table. On an instance of `Metrics` it is the `Family`."""

    def __init__(
        self,
        kind: type[Kind],
        name: str,
        meaning: str,
        labels: tuple[str, ...] = (),
        buckets: tuple[float, ...] = (),
    ) -> None:
        """`buckets` are upper bounds in seconds, for histograms only."""
        self.kind: type[Kind] = kind
        self.name, self.meaning = name, meaning
        self.labels, self.buckets = labels, buckets

    def family(self) -> Family[Kind]:
        """The metric with nothing in it; one without labels is there at once."""
        family = Family(self)
        if not self.labels:
            family()
        return family

    def written(self, family: Family[Kind]) -> Metric:
        """The metric as prometheus-client writes it."""
        if self.kind is Histogram:
            told = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
            for labels, child in family.children.items():
                assert isinstance(child, Histogram)  # noqa: S101 - its kind says so
                buckets = [(_bound(at), count) for at, count in child.cumulative()]
                told.add_metric(labels, buckets, child.total)
            return told
        make = CounterMetricFamily if self.kind is Counter else GaugeMetricFamily
        other = make(self.name, self.meaning, labels=self.labels)
        for labels, child in family.children.items():
            assert not isinstance(child, Histogram)  # noqa: S101 - as above
            other.add_metric(labels, child.value)
        return other

    @overload
    def __get__(self, instance: None, owner: type[Metrics]) -> Definition[Kind]: ...

    @overload
    def __get__(self, instance: Metrics, owner: type[Metrics]) -> Family[Kind]: ...

    def __get__(
        self, instance: Metrics | None, owner: type[Metrics]
    ) -> Definition[Kind] | Family[Kind]:
        """The row itself; an instance's own attribute hides it."""
        return self


class Metrics(Collector):
    """All metrics of one process, in a registry of its own."""

    requests = Definition(
        Counter, "leadwire_requests_total", "Calls answered", ("dialect", "status")
    )
    request_seconds = Definition(
        Histogram, "leadwire_request_seconds", "Call received to answered", ("dialect",), EXCHANGE
    )
    events_accepted = Definition(
        Counter, "leadwire_events_accepted_total", "Updates safe in the log", ("dialect",)
    )
    refusals = Definition(
        Counter, "leadwire_refusals_total", "Calls not taken", ("dialect", "reason")
    )
    dry_runs = Definition(
        Counter, "leadwire_dry_runs_total", "Calls that only asked what would happen", ("dialect",)
    )
    log_append_seconds = Definition(
        Histogram, "leadwire_log_append_seconds", "Append until durable", (), EXCHANGE
    )
    attempts = Definition(
        Counter, "leadwire_attempts_total", "Tries at a delivery", ("connector", "result")
    )
    attempt_seconds = Definition(
        Histogram, "leadwire_attempt_seconds", "One try at a delivery", ("connector",), EXCHANGE
    )
    deliveries = Definition(
        Counter, "leadwire_deliveries_total", "Deliveries settled", ("connector", "outcome")
    )
    delivery_age_seconds = Definition(
        Histogram, "leadwire_delivery_age_seconds", "Accepted to settled", ("connector",), AGE
    )
    backlog = Definition(
        Gauge, "leadwire_backlog", "Records of the log not settled yet", ("connector",)
    )
    oldest_unsettled_seconds = Definition(
        Gauge,
        "leadwire_oldest_unsettled_seconds",
        "Age of the oldest update not settled",
        ("connector",),
    )
    lanes = Definition(Gauge, "leadwire_lanes", "Leads with work in memory", ("connector",))
    parked_leads = Definition(
        Gauge, "leadwire_parked_leads", "Leads that wait in the store", ("connector",)
    )
    pending_deliveries = Definition(
        Gauge,
        "leadwire_pending_deliveries",
        "Updates the vendor has taken without saying yet what became of them",
        ("connector",),
    )
    breaker_open = Definition(
        Gauge, "leadwire_breaker_open", "1 while the vendor counts as down", ("connector",)
    )
    throttle_wait_seconds = Definition(
        Histogram,
        "leadwire_throttle_wait_seconds",
        "Time a delivery waited for the vendor's rate limit",
        ("connector",),
        AGE,
    )
    triggers = Definition(
        Counter, "leadwire_triggers_total", "Triggers fired", ("trigger", "connector")
    )
    rule_evaluations = Definition(
        Counter, "leadwire_rule_evaluations_total", "Rules evaluated", ("rule", "result")
    )
    actions = Definition(
        Counter, "leadwire_actions_total", "Automation actions settled", ("action", "outcome")
    )
    dead_letters = Definition(
        Counter, "leadwire_dead_letters_total", "Dead letters written", ("connector", "code")
    )
    connector_state = Definition(
        Gauge, "leadwire_connector_state", "1 for the state it is in", ("connector", "state")
    )
    oldest_parked_seconds = Definition(
        Gauge, "leadwire_oldest_parked_seconds", "Age of the oldest parked update", ("connector",)
    )
    rules_refused = Definition(
        Gauge, "leadwire_rules_refused", "1 while the file of rules is broken and older ones run"
    )
    connections = Definition(Gauge, "leadwire_connections", "Connections of callers")
    connections_closed = Definition(
        Counter,
        "leadwire_connections_closed_total",
        "Connections closed because of a bound",
        ("reason",),
    )
    waiting_calls = Definition(
        Gauge, "leadwire_waiting_calls", "Calls that wait for an outcome", ("dialect",)
    )
    retention_margin_seconds = Definition(
        Gauge,
        "leadwire_retention_margin_seconds",
        "Time until the log lets go of an update not settled",
        ("connector",),
    )
    log_writable = Definition(
        Gauge, "leadwire_log_writable", "1 while an update can be made durable"
    )
    store_writable = Definition(Gauge, "leadwire_store_writable", "1 while the store takes writes")
    unclaimed_calls = Definition(
        Counter,
        "leadwire_unclaimed_calls_total",
        "Calls taken without a look for an earlier one that is the same: the store was away",
    )
    log_free_bytes = Definition(
        Gauge, "leadwire_log_free_bytes", "Disk space left for the embedded log"
    )
    lease_held = Definition(
        Gauge, "leadwire_lease_held", "1 while this process runs the connector", ("connector",)
    )
    build_info = Definition(Gauge, "leadwire_build_info", "1, by version", ("version",))

    def __init__(self) -> None:
        """Counters start at 0 when first named; a metric without labels is there at once."""
        self.registry = CollectorRegistry()
        self._callbacks: list[Callable[[], None]] = []
        for name, row in definitions().items():
            self.__dict__[name] = row.family()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Every metric, for the registry."""
        for name, row in definitions().items():
            yield row.written(self.__dict__[name])

    def before_scrape(self, callback: Callable[[], None]) -> None:
        """Have `callback` set gauges each time the metrics are read."""
        self._callbacks.append(callback)

    def exposition(self) -> tuple[bytes, str]:
        """The metrics in Prometheus's text format, and its content type."""
        for callback in self._callbacks:
            callback()
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def _bound(at: float) -> str:
    return "+Inf" if at == inf else repr(at)


def definitions() -> dict[str, Definition[Counter] | Definition[Gauge] | Definition[Histogram]]:
    """The table, by attribute of `Metrics`."""
    return {name: row for name, row in vars(Metrics).items() if isinstance(row, Definition)}
