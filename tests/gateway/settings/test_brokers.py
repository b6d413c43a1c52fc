"""A Kafka cluster, read from a URL and from what is set beside it."""

from __future__ import annotations

import pytest

from gateway.settings.brokers import Brokers, brokers
from gateway.settings.model import KafkaSettings

BY_TOKEN = {
    "mechanism": "OAUTHBEARER",
    "token_url": "https://id.example/token",
    "client_id": "leadwire",
    "client_secret": "s",
}


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://h1:9092,h2:9093", "h1:9092,h2:9093"),
        ("kafka://h1,h2/?security=plaintext", "h1:9092,h2:9092"),
        ("kafka://[::1]:9094,[fe80::2]", "[::1]:9094,[fe80::2]:9092"),
    ],
)
def test_servers_are_read_from_the_url(url: str, servers: str) -> None:
    """The port may be left out."""
    assert brokers(url).servers == servers


def test_the_query_says_what_settings_say() -> None:
    """In the same words; a mechanism is known in either case."""
    query = "security=sasl_ssl&mechanism=scram-sha-512&username=u&password=p%26w&ca=/etc/ca.pem"
    expected = KafkaSettings(
        security="sasl_ssl",
        mechanism="SCRAM-SHA-512",
        username="u",
        password="p&w",
        ca="/etc/ca.pem",
    )
    assert brokers(f"kafka://h?{query}") == Brokers("h:9092", expected)
    assert brokers("kafka://h", expected) == Brokers("h:9092", expected)


def test_url_and_settings_are_joined() -> None:
    """What is secret stands where secrets are kept."""
    beside = KafkaSettings(mechanism="PLAIN", username="u", password="p")
    found = brokers("kafka://h?security=sasl_ssl", beside)
    assert found.settings == beside.model_copy(update={"security": "sasl_ssl"})
    assert "p" not in str(found.settings.password)


PROBLEMS: list[tuple[str, dict[str, str], str]] = [
    ("kafka://", {}, "should be kafka://host:port,host:port?security=…"),
    ("kafka://h1,,h2", {}, "should be kafka://host:port,host:port?security=…"),
    ("http://h1", {}, "should be kafka://host:port,host:port?security=…"),
    ("kafka://h1/topic", {}, "should be kafka://host:port,host:port?security=…"),
    ("kafka://h1:port", {}, "should be kafka://host:port,host:port?security=…"),
    ("kafka://me:hush@h1", {}, "should be kafka://host:port,host:port?security=…"),
    ("kafka://h?acks=0", {}, "there is no 'acks'; the nearest is password"),
    (
        "kafka://h?security=none",
        {},
        "security should be 'plaintext', 'ssl', 'sasl_plaintext' or 'sasl_ssl'",
    ),
    (
        "kafka://h?security=ssl&ca=ca.pem",
        {},
        "ca in the URL is an absolute path; log.kafka.ca need not be",
    ),
    (
        "kafka://h?security=sasl_ssl&username=hush",
        {"username": "hush"},
        "username stands in the URL and in log.kafka.username",
    ),
    ("kafka://h", {"ca": "/ca.pem"}, "security plaintext has no use for ca"),
    (
        "kafka://h",
        {"mechanism": "PLAIN", "username": "u", "password": "p"},
        "security plaintext by PLAIN has no use for mechanism and password and username",
    ),
    ("kafka://h?security=ssl", {"cert": "/c.pem"}, "security ssl needs key"),
    (
        "kafka://h?security=sasl_ssl",
        {},
        "security sasl_ssl needs mechanism and username and password",
    ),
    (
        "kafka://h?security=sasl_ssl",
        {"mechanism": "PLAIN", "username": "u"},
        "security sasl_ssl by PLAIN needs password",
    ),
    (
        "kafka://h?security=sasl_plaintext",
        {"mechanism": "OAUTHBEARER", "token_url": "https://id.example/token"},
        "security sasl_plaintext by OAUTHBEARER needs client_id and client_secret",
    ),
    (
        "kafka://h?security=sasl_plaintext",
        {**BY_TOKEN, "username": "u"},
        "security sasl_plaintext by OAUTHBEARER has no use for username",
    ),
]


@pytest.mark.parametrize(("url", "beside", "problem"), PROBLEMS)
def test_what_does_not_go_together_is_refused(
    url: str, beside: dict[str, str], problem: str
) -> None:
    """With the reason, which repeats no value."""
    with pytest.raises(ValueError) as raised:
        brokers(url, KafkaSettings.model_validate(beside))
    assert str(raised.value) == problem
