"""Whether the parts of a configuration go together, and what is worth a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.settings import load, read
from gateway.settings.checks import Window, many_processes
from gateway.settings.model import ConnectorSettings, TenantSettings, WindowSettings
from tests.gateway.settings.vendors import FILE, VENDORS, problems, written


def test_the_example_has_no_problem_and_no_warning(tmp_path: Path) -> None:
    """Else every other test here would prove nothing."""
    assert read(written(tmp_path), VENDORS, {}).warnings == ()


CLASHES = [
    (
        "connectors: [acme-au, bell]",
        "connectors: [acme-au, bel]",
        "10: routes[0].connectors[1]: there is no connector 'bel'; the nearest is bell",
    ),
    (
        "{acme: acme-au}",
        "{acme: bel}",
        "11: routes[0].authority.acme: 'bel' is no connector of this route; the nearest is bell",
    ),
    (
        "{acme: acme-au}",
        "{acne: acme-au}",
        "11: routes[0].authority.acne: there is no dialect 'acne'; the nearest is acme",
    ),
    (
        "- name: everything",
        "- name: everything\n    when: 'chnages.x'",
        "10: routes[0].when: speaks of 'chnages', which no event has; the nearest is changes",
    ),
    (
        "- name: everything",
        "- name: everything\n    when: 'true &&'",
        "10: routes[0].when: is not CEL: line 1, column 8: mismatched input '<EOF>'",
    ),
    (
        "- name: everything",
        "- name: everything\n    tenant: defualt",
        "10: routes[0].tenant: there is no tenant 'defualt'; the nearest is default",
    ),
    (
        "routes:",
        "  other: {}\nroutes:",
        "8: connectors.other.vendor: is required: one of acme, bell",
    ),
    (
        "connectors:\n  acme",
        "  other: {}\nconnectors:\n  acme",
        "10: routes[0].tenant: is required while more than one tenant is configured",
    ),
    (
        "key: inbound}",
        "key: inbound}\n      - {dialect: acme, system: s, key: inbound}",
        "5: tenants.default.credentials[1]: "
        "has the same secret as tenants.default.credentials[0], and the same dialect",
    ),
    (
        "key: inbound",
        "key: ''",
        "4: tenants.default.credentials[0].key: is empty",
    ),
    (
        "key: outbound",
        "key: outbound, shards: 2, limits: [{requests: 1, per: 1s}]",
        "6: connectors.acme-au.shards: "
        "is for connectors without limits: each shard would take the whole limit",
    ),
    (
        "  default:\n",
        "  default:\n    timezone: Australia/Melborne\n",
        "3: tenants.default.timezone: "
        "'Australia/Melborne' is no IANA time zone; the nearest is Australia/Melbourne",
    ),
    (
        "tenants:",
        "egress: {allow: [10.0.0.0/33]}\ntenants:",
        "1: egress.allow[0]: is no CIDR range: "
        "'10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
    ),
    (
        "https://bell.example.com",
        "https://me:secret@bell.example.com",
        "7: connectors.bell.base_url: should be scheme, host and optional prefix, and nothing else",
    ),
    (
        "vendor: bell,",
        "vendor: bell, start: 2026-01-31,",
        "7: connectors.bell.start: "
        "should be beginning, end, or a time with a zone (2026-01-31T08:00:00Z)",
    ),
    (
        "  bell:",
        "  'bell,2':",
        "7: connectors.bell,2: a name is letters, digits and . _ - after the first",
    ),
    (
        "bell]\n    authority: {acme: acme-au}",
        "bell]\n    followers: after_authority\n    authority: {acme: bell}",
        "12: routes[0].authority.acme: "
        "'bell' is a shadow and applies nothing: its followers would never send",
    ),
    (
        "    authority:",
        "  - name: everything\n    connectors: [bell]\n    authority:",
        "11: routes[1].name: routes[0] is called 'everything' too",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), CLASHES)
def test_parts_that_do_not_go_together_are_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """One change to a good file, one whole error; a follow-up error may stand after it."""
    assert old in FILE
    shadow = FILE.replace("vendor: bell,", "vendor: bell, mode: shadow,")
    text = shadow if "is a shadow" in problem else FILE
    found = problems(tmp_path, text.replace(old, new, 1))
    assert found[0] == f"leadwire.yaml:{problem}"


@pytest.mark.parametrize(
    ("log", "store", "expected"),
    [
        (
            "sqlite:a.db",
            "sqlite:b.db",
            "2: store.url: an embedded log and store are one file, so that a settle is one "
            "transaction: write the same path as in log.url",
        ),
        (
            "sqlite:a.db",
            "postgresql://h/leadwire",
            "2: store.url: an embedded log is one process's, and a store of its own would gain it "
            "nothing: write the same path as in log.url, or a Kafka log there",
        ),
        ("amqp://h", "sqlite:a.db", "1: log.url: should be sqlite:PATH or kafka://HOST:PORT"),
        (
            "kafka://h",
            "mysql://h",
            "2: store.url: should be sqlite:PATH or postgresql://HOST/DATABASE",
        ),
        ("kafka://h", "sqlite:", "2: store.url: should be sqlite:PATH, the path of a file"),
        (
            "kafka://h:9092?security=ssl&password=hush",
            "sqlite:a.db",
            "1: log.url: security ssl has no use for password",
        ),
    ],
)
def test_unsupported_logs_and_stores_are_refused_with_the_reason(
    tmp_path: Path, log: str, store: str, expected: str
) -> None:
    """Every pair that leadwire can't keep its promises on."""
    text = f"log: {{url: '{log}'}}\nstore: {{url: '{store}'}}\n"
    assert problems(tmp_path, text) == [f"leadwire.yaml:{expected}"]


@pytest.mark.parametrize(
    ("log", "store", "many"),
    [
        ("sqlite:/a.db", "sqlite:/a.db", False),
        ("kafka://h:9092,i", "sqlite:/a.db", False),
        ("kafka://h:9092", "postgresql://h/leadwire", True),
        ("kafka://h:9092", "postgres://h/leadwire", True),
    ],
)
def test_logs_and_stores_that_go_together(tmp_path: Path, log: str, store: str, many: bool) -> None:
    """And whether several processes may share them."""
    text = f"log: {{url: '{log}'}}\nstore: {{url: '{store}'}}\n{FILE}"
    settings = load(written(tmp_path, text), VENDORS, {})
    assert (settings.log.url, settings.store.url, many_processes(settings)) == (log, store, many)


def test_shards_are_refused_where_the_vendor_documents_limits(tmp_path: Path) -> None:
    """Absent limits are the documented ones; `[]` is none."""

    def documented(
        name: str, settings: ConnectorSettings, tenants: Mapping[str, TenantSettings]
    ) -> Sequence[Window]:
        del settings, tenants
        return [WindowSettings(requests=25, per="5s")] if name == "acme-au" else []

    text = FILE.replace("vendor: bell,", "vendor: bell, shards: 3,")
    assert load(written(tmp_path, text), VENDORS, {}, documented).connectors["bell"].shards == 3
    text = FILE.replace("key: outbound", "key: outbound, shards: 2, limits: []")
    assert load(written(tmp_path, text), VENDORS, {}, documented).connectors["acme-au"].shards == 2
    text = FILE.replace("key: outbound", "key: outbound, shards: 2")
    with pytest.raises(Exception, match=r"acme-au\.shards: is for connectors without limits"):
        load(written(tmp_path, text), VENDORS, {}, documented)


def test_what_is_seldom_meant_is_a_warning(tmp_path: Path) -> None:
    """Allowed, and told with its line."""
    text = FILE.replace("https://bell", "http://bell").replace("[acme-au, bell]", "[acme-au]")
    text += (
        "admin: {host: 0.0.0.0}\nserver: {tls: {cert: c.pem, key: k.pem}}\nautomations: r.yaml\n"
    )
    found = read(written(tmp_path, text), VENDORS, {}).warnings
    assert [str(warning).removeprefix(f"{tmp_path}/") for warning in found] == [
        "leadwire.yaml:12: admin.host: "
        "without admin.token the admin API refuses every call that comes in off loopback",
        "leadwire.yaml:7: connectors.bell.base_url: "
        "plain http off loopback: keys and people's data go over the wire in the clear",
        "leadwire.yaml:7: connectors.bell: no route names it, so it gets nothing",
        f"leadwire.yaml:13: server.tls.cert: there is no file {tmp_path}/c.pem",
        f"leadwire.yaml:13: server.tls.key: there is no file {tmp_path}/k.pem",
        f"leadwire.yaml:14: automations: there is no file {tmp_path}/r.yaml",
    ]


def test_a_shadow_that_answers_callers_is_a_warning(tmp_path: Path) -> None:
    """They hear success: that is what a trial of a whole configuration wants, and nobody else."""
    text = FILE.replace("key: outbound", "key: outbound, mode: shadow")
    (warning,) = read(written(tmp_path, text), VENDORS, {}).warnings
    assert str(warning).rpartition("yaml:")[2] == (
        "11: routes[0].authority.acme: "
        "'acme-au' is a shadow: its callers hear success, and nothing is sent"
    )


def test_nobody_who_can_call_is_a_warning(tmp_path: Path) -> None:
    """No tenants; a tenant without keys or routes."""
    found = read(written(tmp_path, ""), VENDORS, {}).warnings
    assert [warning.text for warning in found] == ["none is configured, so nobody can call"]
    found = read(written(tmp_path, "tenants: {a: {}}"), VENDORS, {}).warnings
    assert [str(warning).rpartition("yaml:")[2] for warning in found] == [
        "1: tenants.a: has no credentials, so nobody can call",
        "1: tenants.a: has no route, so its updates end as unrouted",
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_plain_http_on_loopback_is_no_warning(tmp_path: Path, host: str) -> None:
    """The sandbox is there."""
    text = FILE.replace("https://bell.example.com", f"http://{host}:8090/bell")
    assert read(written(tmp_path, text), VENDORS, {}).warnings == ()
