"""The metrics: the names others rely on, and how they are read."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Metrics, definitions

PROMISED = {
    ("leadwire_requests_total", "Counter", ("dialect", "status")),
    ("leadwire_request_seconds", "Histogram", ("dialect",)),
    ("leadwire_events_accepted_total", "Counter", ("dialect",)),
    ("leadwire_refusals_total", "Counter", ("dialect", "reason")),
    ("leadwire_dry_runs_total", "Counter", ("dialect",)),
    ("leadwire_log_append_seconds", "Histogram", ()),
    ("leadwire_attempts_total", "Counter", ("connector", "result")),
    ("leadwire_attempt_seconds", "Histogram", ("connector",)),
    ("leadwire_deliveries_total", "Counter", ("connector", "outcome")),
    ("leadwire_delivery_age_seconds", "Histogram", ("connector",)),
    ("leadwire_backlog", "Gauge", ("connector",)),
    ("leadwire_oldest_unsettled_seconds", "Gauge", ("connector",)),
    ("leadwire_lanes", "Gauge", ("connector",)),
    ("leadwire_parked_leads", "Gauge", ("connector",)),
    ("leadwire_pending_deliveries", "Gauge", ("connector",)),
    ("leadwire_breaker_open", "Gauge", ("connector",)),
    ("leadwire_throttle_wait_seconds", "Histogram", ("connector",)),
    ("leadwire_triggers_total", "Counter", ("trigger", "connector")),
    ("leadwire_rule_evaluations_total", "Counter", ("rule", "result")),
    ("leadwire_actions_total", "Counter", ("action", "outcome")),
    ("leadwire_rules_refused", "Gauge", ()),
    ("leadwire_dead_letters_total", "Counter", ("connector", "code")),
    ("leadwire_connector_state", "Gauge", ("connector", "state")),
    ("leadwire_oldest_parked_seconds", "Gauge", ("connector",)),
    ("leadwire_connections", "Gauge", ()),
    ("leadwire_connections_closed_total", "Counter", ("reason",)),
    ("leadwire_waiting_calls", "Gauge", ("dialect",)),
    ("leadwire_retention_margin_seconds", "Gauge", ("connector",)),
    ("leadwire_log_free_bytes", "Gauge", ()),
    ("leadwire_log_writable", "Gauge", ()),
    ("leadwire_store_writable", "Gauge", ()),
    ("leadwire_unclaimed_calls_total", "Counter", ()),
    ("leadwire_lease_held", "Gauge", ("connector",)),
    ("leadwire_build_info", "Gauge", ("version",)),
}


def samples(metrics: Metrics) -> dict[str, float]:
    """What a scrape reads: every sample but the buckets, as `name{values}`, labels by name."""
    text = metrics.exposition()[0].decode()
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_the_table_is_what_was_promised() -> None:
    """Names, kinds and labels; no tenant and no lead among them."""
    table = {(row.name, row.kind.__name__, row.labels) for row in definitions().values()}
    assert table == PROMISED


def test_every_row_says_what_it_means_and_only_histograms_have_buckets() -> None:
    """Buckets go up."""
    for row in definitions().values():
        assert row.meaning
        assert bool(row.buckets) == (row.kind.__name__ == "Histogram")
        assert list(row.buckets) == sorted(set(row.buckets))


def test_every_promised_name_is_in_the_exposition() -> None:
    """As Prometheus reads them, with the counters' suffix."""
    text = Metrics().exposition()[0].decode()
    typed = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert typed == {name for name, _, _ in PROMISED}


def test_what_is_counted_is_read() -> None:
    """One of each kind; nothing but what was counted, and no creation times."""
    metrics = Metrics()
    metrics.requests("noojee", "200").inc()
    metrics.requests("noojee", "200").inc()
    metrics.request_seconds("noojee").observe(0.5)
    metrics.breaker_open("lsq").set(1)
    metrics.log_free_bytes().set(7)
    metrics.log_writable().set(1)
    assert samples(metrics) == {
        "leadwire_requests_total{noojee,200}": 2.0,
        "leadwire_request_seconds_count{noojee}": 1.0,
        "leadwire_request_seconds_sum{noojee}": 0.5,
        "leadwire_breaker_open{lsq}": 1.0,
        "leadwire_connections{}": 0.0,
        "leadwire_log_append_seconds_count{}": 0.0,
        "leadwire_log_append_seconds_sum{}": 0.0,
        "leadwire_log_free_bytes{}": 7.0,
        "leadwire_log_writable{}": 1.0,
        "leadwire_store_writable{}": 0.0,
        "leadwire_rules_refused{}": 0.0,
        "leadwire_unclaimed_calls_total{}": 0.0,
    }


def test_a_bound_child_is_made_once() -> None:
    """The hot path pays for a dictionary, not for labels."""
    metrics = Metrics()
    assert metrics.attempts("lsq", "applied") is metrics.attempts("lsq", "applied")
    assert metrics.log_append_seconds() is metrics.log_append_seconds()


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    """Each has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.triggers("postUpdatedLead", "lsq").inc()
    assert "leadwire_triggers_total{lsq,postUpdatedLead}" in samples(one)
    assert "leadwire_triggers_total{lsq,postUpdatedLead}" not in samples(other)


def test_gauges_are_set_when_the_metrics_are_read() -> None:
    """Every time, and a connector that went away is gone."""
    metrics, connectors = Metrics(), {"lsq": 3, "polly": 4}

    def count() -> None:
        metrics.backlog.clear()
        for name, size in connectors.items():
            metrics.backlog(name).set(size)

    def backlogs() -> dict[str, float]:
        return {k: v for k, v in samples(metrics).items() if k.startswith("leadwire_backlog")}

    metrics.before_scrape(count)
    assert backlogs() == {"leadwire_backlog{lsq}": 3.0, "leadwire_backlog{polly}": 4.0}
    del connectors["lsq"]
    connectors["polly"] = 5
    assert backlogs() == {"leadwire_backlog{polly}": 5.0}


def test_it_is_prometheus_text() -> None:
    """By its content type."""
    assert Metrics().exposition()[1].startswith("text/plain; version=")


def test_a_wrong_number_of_labels_is_refused() -> None:
    """A sample without its labels could not be told from others."""
    with pytest.raises(ValueError, match="label"):
        Metrics().requests("noojee")
