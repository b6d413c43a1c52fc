"""What is on the dashboard: a table of panels, each with what it asks of Prometheus.

What the metrics mean stands in `gateway/metrics.py`. A test fails where a metric is on no panel,
another where a panel stays empty over a real run.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Shape: TypeAlias = Literal["timeseries", "stat", "state-timeline"]
Mapping: TypeAlias = tuple[tuple[int, str, str], ...]
"""A value, what it is called, its colour."""


class Query(NamedTuple):
    """What is asked of Prometheus."""

    expr: str
    """PromQL, with the dashboard's variables."""
    legend: str
    """What a series is called; `{{label}}` stands for a label's value."""


class Panel(NamedTuple):
    """One picture."""

    shape: Shape
    title: str
    unit: str
    """Grafana's name of it: `s`, `bytes`, `ops` (a second), `short` (a number)."""
    meaning: str
    """Shown beside the title."""
    queries: tuple[Query, ...]
    mapping: Mapping = ()
    red: float | None = None
    """From where on one in large is red; None: never."""


def lines(title: str, unit: str, meaning: str, *queries: Query) -> Panel:
    """Values over time."""
    return Panel("timeseries", title, unit, meaning, queries)


def stat(
    title: str,
    unit: str,
    meaning: str,
    query: Query,
    *,
    mapping: Mapping = (),
    red: float | None = None,
) -> Panel:
    """One value, the latest, in large."""
    return Panel("stat", title, unit, meaning, (query,), mapping, red)


def states(title: str, meaning: str, mapping: Mapping, query: Query) -> Panel:
    """What each series was when, as a coloured bar."""
    return Panel("state-timeline", title, "short", meaning, (query,), mapping)


# --- expressions ---------------------------------------------------------------------------
# The first label of each is one that the dashboard's reader can narrow.


def chosen(label: str) -> str:
    """The part of a selector that a variable of the dashboard narrows."""
    return f'{label}=~"${label}"'


def _joined(how: str, metric: str, labels: tuple[str, ...]) -> Query:
    joined = f"{how} by ({', '.join(labels)}) ({metric}{{{chosen(labels[0])}}})"
    return Query(joined, _legend(labels))


def _legend(labels: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def per_second(metric: str, *labels: str) -> Query:
    """How often something was counted, over all processes."""
    counted = f"rate({metric}{{{chosen(labels[0])}}}[$__rate_interval])"
    return Query(f"sum by ({', '.join(labels)}) ({counted})", _legend(labels))


def quantiles(metric: str, *labels: str) -> tuple[Query, Query]:
    """Median and 99th percentile of a histogram, over all processes."""
    narrowed = f"{{{chosen(labels[0])}}}" if labels else ""
    counted = f"rate({metric}_bucket{narrowed}[$__rate_interval])"
    buckets = f"sum by ({', '.join(('le', *labels))}) ({counted})"
    half, most = (f"histogram_quantile({share}, {buckets})" for share in (0.5, 0.99))
    named = _legend(labels)
    return Query(half, f"p50 {named}".strip()), Query(most, f"p99 {named}".strip())


def highest(metric: str, *labels: str) -> Query:
    """A gauge of what one process at a time has."""
    return _joined("max", metric, labels)


def lowest(metric: str, *labels: str) -> Query:
    """A gauge that every process measures, where the smallest matters."""
    return _joined("min", metric, labels)


def total(metric: str, *labels: str) -> Query:
    """A gauge or count that every process has a part of."""
    return _joined("sum", metric, labels)


# --- the table -----------------------------------------------------------------------------

STATES = (
    (1, "running", "green"),
    (2, "waiting", "purple"),
    (3, "paused", "blue"),
    (4, "breaker_open", "orange"),
    (5, "stopped", "red"),
)
"""States of a connector, the most urgent last."""
YES_NO = ((0, "no", "red"), (1, "yes", "green"))
NO_YES = ((0, "no", "green"), (1, "yes", "red"))


def state() -> Query:
    """The number of the state that each connector is in."""
    each = " or ".join(
        f'leadwire_connector_state{{{chosen("connector")}, state="{name}"}} * {number}'
        for number, name, _ in STATES
    )
    return Query(f"max by (connector) ({each})", "{{connector}}")


GLANCE = (
    stat("Processes", "short", "That answer Prometheus.", Query('sum(up{job="leadwire"})', "up")),
    stat(
        "Versions",
        "short",
        "Processes by the version they run.",
        Query("count by (version) (leadwire_build_info)", "{{version}}"),
    ),
    stat(
        "Log writable",
        "short",
        "Whether an update can be made durable. While it can't, callers hear busy.",
        Query("min(leadwire_log_writable)", "writable"),
        mapping=YES_NO,
    ),
    stat(
        "Connectors not running",
        "short",
        "Stopped, paused or with an open breaker.",
        Query('sum(leadwire_connector_state{state!="running"})', "not running"),
        red=1,
    ),
    stat(
        "Parked leads",
        "short",
        "That wait alone for their next try, at all connectors.",
        Query("sum(leadwire_parked_leads)", "leads"),
        red=100,
    ),
    stat(
        "Oldest unsettled update",
        "s",
        "The longest that anything waits for its outcome.",
        Query("max(leadwire_oldest_unsettled_seconds)", "age"),
        red=3600,
    ),
)

CALLERS = (
    lines(
        "Accepted",
        "ops",
        "Updates that are safe in the log, a second, by the caller's dialect.",
        per_second("leadwire_events_accepted_total", "dialect"),
    ),
    lines(
        "Refused",
        "ops",
        "Calls not taken, and why. `busy` is the one that callers make again.",
        per_second("leadwire_refusals_total", "dialect", "reason"),
    ),
    lines(
        "Answers",
        "ops",
        "By HTTP status. Noojee's refusals are 400, LeadSquared's often 500: it is their form.",
        per_second("leadwire_requests_total", "dialect", "status"),
    ),
    lines(
        "Time to answer",
        "s",
        "From the call to its answer; it holds the vendor's own time where callers wait.",
        *quantiles("leadwire_request_seconds", "dialect"),
    ),
    lines(
        "Waiting calls",
        "short",
        "Calls that wait for the authority's outcome. The bound is server.max_waiting.",
        total("leadwire_waiting_calls", "dialect"),
    ),
    lines(
        "Connections",
        "short",
        "Open ones, and those closed because of a bound, a second.",
        Query("sum(leadwire_connections)", "open"),
        Query(
            "sum by (reason) (rate(leadwire_connections_closed_total[$__rate_interval]))",
            "closed: {{reason}}",
        ),
    ),
    lines(
        "Dry runs",
        "ops",
        "Calls that only asked what would happen, a second.",
        per_second("leadwire_dry_runs_total", "dialect"),
    ),
)

LOG = (
    states(
        "Store writable",
        "While it is not, calls that wait or carry a key hear busy; an embedded one is the log.",
        YES_NO,
        Query("min by (instance) (leadwire_store_writable)", "{{instance}}"),
    ),
    lines(
        "Time of an append",
        "s",
        "Until an update is durable: a full flush, or all of Kafka's copies.",
        *quantiles("leadwire_log_append_seconds"),
    ),
    lines(
        "Free space",
        "bytes",
        "On the disk of an embedded log; nothing for a Kafka log.",
        Query("min by (instance) (leadwire_log_free_bytes > 0)", "{{instance}}"),
    ),
    lines(
        "Retention margin",
        "s",
        "Time until the log would let go of an update that is not settled.",
        lowest("leadwire_retention_margin_seconds", "connector"),
    ),
)

CONNECTORS = (
    states("State", "As `leadwire connectors list` says it.", STATES, state()),
    states(
        "Breaker open",
        "Whether the vendor counts as down.",
        NO_YES,
        highest("leadwire_breaker_open", "connector"),
    ),
    states(
        "Lease",
        "Whether a process runs the connector, by process.",
        YES_NO,
        highest("leadwire_lease_held", "connector", "instance"),
    ),
    lines(
        "Backlog",
        "short",
        "Records of the log that are not settled yet.",
        highest("leadwire_backlog", "connector"),
    ),
    lines(
        "Oldest unsettled update",
        "s",
        "Its age, parked ones included.",
        highest("leadwire_oldest_unsettled_seconds", "connector"),
    ),
    lines(
        "Age of deliveries",
        "s",
        "From accepted to settled.",
        *quantiles("leadwire_delivery_age_seconds", "connector"),
    ),
    lines(
        "Attempts",
        "ops",
        "Tries a second, by what came of them.",
        per_second("leadwire_attempts_total", "connector", "result"),
    ),
    lines(
        "Time of an attempt",
        "s",
        "All requests of one try.",
        *quantiles("leadwire_attempt_seconds", "connector"),
    ),
    lines(
        "Outcomes",
        "ops",
        "Deliveries settled a second.",
        per_second("leadwire_deliveries_total", "connector", "outcome"),
    ),
    lines(
        "Wait for the rate limit",
        "s",
        "Of the requests that had to wait for the vendor's limits.",
        *quantiles("leadwire_throttle_wait_seconds", "connector"),
    ),
    lines("Lanes", "short", "Leads with work in memory.", highest("leadwire_lanes", "connector")),
    lines(
        "Parked leads",
        "short",
        "Leads whose update failed while others passed.",
        highest("leadwire_parked_leads", "connector"),
    ),
    lines(
        "Oldest parked update",
        "s",
        "Its age.",
        highest("leadwire_oldest_parked_seconds", "connector"),
    ),
    lines(
        "Pending at the vendor",
        "short",
        "Updates the vendor has taken without saying yet what became of them.",
        highest("leadwire_pending_deliveries", "connector"),
    ),
    lines(
        "Dead letters",
        "short",
        "Since the process began, by why.",
        total("leadwire_dead_letters_total", "connector", "code"),
    ),
    lines(
        "Triggers",
        "ops",
        "For automations, fired a second.",
        per_second("leadwire_triggers_total", "connector", "trigger"),
    ),
)

AUTOMATIONS = (
    lines(
        "Rules",
        "ops",
        "Asked a second, by what each came to. Actions are connectors: `automations.NAME` above.",
        Query(
            "sum by (rule, result) (rate(leadwire_rule_evaluations_total[$__rate_interval]))",
            "{{rule}}: {{result}}",
        ),
    ),
    lines(
        "Actions",
        "ops",
        "Settled a second, by how they ended.",
        Query(
            "sum by (action, outcome) (rate(leadwire_actions_total[$__rate_interval]))",
            "{{action}}: {{outcome}}",
        ),
    ),
    lines(
        "Broken rules",
        "short",
        "1 while the file of rules is broken, and those before it decide.",
        Query("max by (instance) (leadwire_rules_refused)", "{{instance}}"),
    ),
)

SECTIONS: tuple[tuple[str, int, tuple[Panel, ...]], ...] = (
    ("At a glance", 4, GLANCE),
    ("Callers", 8, CALLERS),
    ("Log", 8, LOG),
    ("Connectors", 8, CONNECTORS),
    ("Automations", 8, AUTOMATIONS),
)
"""A heading, the columns of each panel below it, the panels."""

VARIABLES = {
    "connector": "label_values(leadwire_connector_state, connector)",
    "dialect": "label_values(leadwire_requests_total, dialect)",
}
"""What the reader can narrow the panels to, and where its values are from."""
