"""Every setting: its name, type, meaning and default. The reference page is generated from
here, and vendors add their own by subclassing `CredentialSettings` and `ConnectorSettings`.

A field whose type is `SecretStr` is a secret: it is masked in `config show`, in every repr and
in every log line.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.settings.durations import Duration
from gateway.settings.texts import BaseUrl, Condition, Network, Start, Timezone


class Section(BaseModel):
    """A group of settings; unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


class TlsSettings(Section):
    """Serve over TLS."""

    cert: str
    """PEM file with the certificate chain."""
    key: str
    """PEM file with the private key."""
    client_ca: str | None = None
    """PEM file of the authority that must have signed a client's certificate; none: any client."""


class ServerSettings(Section):
    """The listener the vendors' callers post to."""

    host: str = "0.0.0.0"  # noqa: S104 - callers are elsewhere; the operator narrows it
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    tls: TlsSettings | None = None
    """TLS, where no proxy in front ends it."""
    max_body: int = Field(1_048_576, ge=1024)
    """Largest request body in bytes, after decompression."""
    max_waiting: int = Field(5000, ge=1)
    """Calls that may wait for an outcome at once; more are answered busy before anything is
    stored. Lowered to fit the open-file limit."""
    max_connections: int = Field(10_000, ge=1)
    """Connections at once; one more is told 503 and closed. Lowered to fit the open-file limit."""
    max_head: int = Field(32_768, ge=1024)
    """Largest request line and headers in bytes, together; one line of them may have 8,190, and
    there may be 100 headers."""
    head_within: Duration = Field(10.0, gt=0)
    """Time for a request's line and headers, from the connection's begin or their first byte; also
    for a TLS handshake."""
    body_within: Duration = 10.0
    """Time a caller has to send its body."""
    body_pace: int = Field(1024, ge=1)
    """Slowest a body may come, in bytes a second, once it has taken 5 seconds."""
    keep_alive: Duration = Field(75.0, gt=0)
    """How long a connection is kept for the next request; more than a proxy in front keeps its
    own."""
    call_within: Duration = Field(150.0, gt=0)
    """Time for a whole call; its connection is closed then. More than any credential's
    `answer_within` and `body_within` together."""
    answer_read_within: Duration = Field(20.0, gt=0)
    """Time a caller may leave an answer unread."""
    drain_after: Duration = 0.5
    """Time from SIGTERM, when `/readyz` turns 503, to the listener's end: as long as the load
    balancer takes to send no more calls here, so that a rolling restart refuses none."""


class AdminSettings(Section):
    """The listener for operators: metrics, health, the admin API."""

    host: str = "127.0.0.1"
    """Address to listen on; off loopback a `token` is required for the admin API."""
    port: int = Field(8081, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    token: SecretStr | None = None
    """Bearer token of the admin API."""
    tls: TlsSettings | None = None
    """TLS for this listener."""


class KafkaSettings(Section):
    """How the brokers of a Kafka log are spoken to. Each of these may stand in the query of
    `log.url` instead, not in both; a secret is better off here, as `${env:NAME}`."""

    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] | None = None
    """Whether by TLS (`ssl`), and whether we say who we are (`sasl`); default `plaintext`."""
    ca: str | None = None
    """PEM file of the authorities that sign the brokers' certificates; none: those the machine
    trusts."""
    cert: str | None = None
    """PEM file with our own certificate chain, where brokers ask for one."""
    key: str | None = None
    """PEM file with that certificate's private key, not encrypted."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How we say who we are (SASL)."""
    username: str | None = None
    """User, for `PLAIN` and `SCRAM-…`."""
    password: SecretStr | None = None
    """The user's password."""
    token_url: str | None = None
    """Where `OAUTHBEARER` gets its token, by the client credentials grant (RFC 6749, 4.4)."""
    client_id: str | None = None
    """Client, at `token_url`."""
    client_secret: SecretStr | None = None
    """The client's secret."""
    scope: str | None = None
    """Scope asked for at `token_url`; none: what that server gives by itself."""


class LogSettings(Section):
    """Where events are kept."""

    url: str = "sqlite:data/leadwire.db"
    """`sqlite:PATH`, the same as `store.url`, or `kafka://HOST:PORT,HOST:PORT?security=…` (the rest
    under `log.kafka`)."""
    kafka: KafkaSettings = KafkaSettings()
    """How Kafka's brokers are spoken to."""
    compression: Literal["lz4", "zstd", "none"] = "lz4"
    """How records are packed on their way to Kafka, and in it."""
    prefix: str = Field("leadwire", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """First word of every topic's name."""
    partitions: int = Field(24, ge=1, le=1024)
    """Partitions of `updates`; fixed when the log is created."""
    replication: int | None = Field(None, ge=1)
    """Copies of each record on Kafka; default the lower of 3 and the number of brokers."""
    replies: int = Field(16, ge=1, le=1024)
    """Partitions of `replies` on Kafka: how many processes may have the front door at once."""
    retention: Duration = 14 * 86400.0
    """How long settled records are kept. An embedded log never passes the lowest frontier."""


class StoreSettings(Section):
    """Where ids, leases, frontiers, parked updates and the ledger are kept."""

    url: str = "sqlite:data/leadwire.db"
    """`sqlite:PATH`, for one process, or, with a Kafka log and for any number of them,
    `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`: several `HOST:PORT` may
    stand there, with commas between. Special characters of a name or password are
    percent-encoded, the database's encoding is UTF8."""
    retention: Duration = 90 * 86400.0
    """How long the ledger and dead letters are kept."""


class QuotaSettings(Section):
    """How much one credential may call."""

    requests: int = Field(ge=1)
    """Calls in a window."""
    per: Duration
    """Length of the window."""


class CredentialSettings(Section):
    """A key that an upstream system calls with."""

    dialect: str
    """Whose API it speaks."""
    system: str
    """The id space of the ids in its calls; usually a connector's `system`."""
    answer: Literal["applied", "accepted"] = "applied"
    """`applied` waits for the authority's outcome; `accepted` answers when the update is safe."""
    answer_within: Duration = 10.0
    """How long an `applied` answer may take before the caller is told busy."""
    dedupe_window: Duration = 0.0
    """Within this time an identical call that was answered is answered again, not repeated;
    0: two answered calls are two updates."""

    @property
    def patience(self) -> float | None:
        """Seconds a call waits for its outcome; None: it doesn't."""
        return self.answer_within if self.answer == "applied" else None


class WindowSettings(Section):
    """A rate limit of a vendor's account."""

    requests: int = Field(ge=1)
    """Calls in any window."""
    per: Duration
    """Length of the window."""


class RetrySettings(Section):
    """How a lead's update is tried again."""

    attempts: int = Field(8, ge=1)
    """Counted attempts before it becomes a dead letter."""
    first: Duration = 1.0
    """Wait before the second attempt; doubles each time, with jitter."""
    max: Duration = 300.0
    """Longest wait."""
    max_age: Duration = 86400.0
    """Age at which it becomes a dead letter; time while the vendor is down or throttles us does
    not count."""
    throttled: Duration | None = None
    """Wait after being throttled without a Retry-After; default the vendor's documented one."""


class BreakerSettings(Section):
    """When a vendor counts as down."""

    failures: int = Field(5, ge=1)
    """Failures in a row, with no proper answer between, that open the breaker."""
    open: Duration = 5.0
    """First wait before a probe; doubles while probes fail."""
    max_open: Duration = 60.0
    """Longest wait between probes."""


class ConnectorSettings(Section):
    """A configured consumer that delivers to one vendor backend."""

    vendor: str
    """Which vendor's API it speaks."""
    system: str | None = None
    """Whose ids it speaks; default its name."""
    mode: Literal["live", "shadow"] = "live"
    """`shadow` builds and records requests, and never sends."""
    concurrency: int = Field(16, ge=1, le=1024)
    """Requests in flight at once. With the size of its batches it is the most that a crash can make
    it send again: what was answered and is not yet written down counts, too."""
    limits: list[WindowSettings] | None = None
    """Rate limits, all held at once; absent: the vendor's documented ones; `[]`: none."""
    timeout: Duration = 30.0
    """Time for one request."""
    retry: RetrySettings = RetrySettings()
    """How updates are tried again."""
    breaker: BreakerSettings = BreakerSettings()
    """When the vendor counts as down."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Our field or attribute name -> the vendor's name for it."""
    triggers: Literal["authority", "always", "never"] = "authority"
    """Whether applied updates fire triggers here; `authority`: where this connector answers."""
    start: Start = "end"
    """Where a connector seen for the first time begins: `beginning`, `end` or an RFC 3339 time."""
    shards: int = Field(1, ge=1)
    """Leases the connector is split into, by partition; only without limits."""
    after_dead_letter: Literal["continue", "hold"] = "continue"
    """`hold` keeps a lead's later updates back until its dead letter is released."""
    on_unlinked: Literal["dead_letter", "skip"] = "dead_letter"
    """What becomes of an update whose lead has no id at this vendor."""
    unmapped: Literal["send", "drop"] | None = None
    """Attributes without a `fields` entry; default per vendor."""


class BackendSettings(ConnectorSettings):
    """A connector to an API whose paths are the vendor's and whose address is the operator's."""

    base_url: BaseUrl
    """Scheme, host and optional prefix; the vendor's own path is appended."""


class RouteSettings(Section):
    """Which connectors get an event, and whose outcome answers the caller."""

    name: str
    """For messages and explanations."""
    when: Condition = "true"
    """CEL over `tenant`, `dialect`, `lead`, `changes`, `attributes`, `triggers`, `origin`."""
    tenant: str | None = None
    """Whose events; may be left out while one tenant is configured."""
    connectors: list[str]
    """Connectors that get the event."""
    authority: dict[str, str] = Field(default_factory=dict)
    """Dialect -> the connector whose outcome answers its callers; `default` for the others."""
    followers: Literal["at_once", "after_authority"] = "at_once"
    """When the other connectors send: at once, or only after the authority applied it."""


class LoggingSettings(Section):
    """The lines written to stderr, one per unit of work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """`info` writes a line per call, per settled group of applied deliveries and per delivery that
    was not applied; `warning` only what went wrong."""


class EgressSettings(Section):
    """What webhooks and automation actions may reach."""

    allow: list[Network] = Field(default_factory=list)
    """CIDR ranges that are reachable although they are private."""


class Settings(Section):
    """The whole configuration."""

    server: ServerSettings = ServerSettings()
    """The listener for callers."""
    admin: AdminSettings = AdminSettings()
    """The listener for operators."""
    log: LogSettings = LogSettings()
    """The event log."""
    store: StoreSettings = StoreSettings()
    """The store."""
    tenants: dict[str, TenantSettings] = Field(default_factory=dict)
    """Whose leads these are."""
    connectors: dict[str, ConnectorSettings] = Field(default_factory=dict)
    """Who gets updates, by name."""
    routes: list[RouteSettings] = Field(default_factory=list)
    """Which connectors get which events; all that match are joined."""
    automations: str | None = None
    """File with the automation rules; none: no rules."""
    egress: EgressSettings = EgressSettings()
    """What may be reached."""
    logging: LoggingSettings = LoggingSettings()
    """What is written to stderr."""
    shutdown_within: Duration = 20.0
    """Time for calls and deliveries in flight to end after SIGTERM."""


class TenantSettings(Section):
    """One customer's leads, keys and reading habits."""

    region: str = Field("US", pattern=r"^[A-Z]{2}$")
    """ISO country that reads national phone numbers."""
    timezone: Timezone = "UTC"
    """IANA zone that reads dates without one."""
    credentials: list[CredentialSettings] = Field(default_factory=list)
    """Keys that upstream systems call with."""


Settings.model_rebuild()
