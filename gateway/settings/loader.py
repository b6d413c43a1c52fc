"""The configuration file, from bytes to settings that are known to be good."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from gateway.settings.checks import DocumentedLimits, check, no_limits, noted
from gateway.settings.document import Document, parse
from gateway.settings.model import KafkaSettings, Settings, TlsSettings
from gateway.settings.overrides import override
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.substitution import substitute
from gateway.settings.validation import VendorSettings, validate
from gateway.settings.warnings import warnings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what an operator should look at twice."""

    settings: Settings
    warnings: tuple[Problem, ...]


def load(
    path: FilePath,
    vendors: Sequence[VendorSettings],
    environ: Mapping[str, str] | None = None,
    documented_limits: DocumentedLimits = no_limits,
) -> Settings:
    """The settings in a file, as `read` finds them; raises SettingsError."""
    return read(path, vendors, environ, documented_limits).settings


def read(
    path: FilePath,
    vendors: Sequence[VendorSettings],
    environ: Mapping[str, str] | None = None,
    documented_limits: DocumentedLimits = no_limits,
) -> Loaded:
    """Read a file, fill in and override from `environ` (default: this process's), and check.

    Credentials and connectors are instances of their vendors' own models; paths are absolute,
    taken from the file's folder. Raises SettingsError with every problem that can be told.
    """
    environ = os.environ if environ is None else environ
    document = parse(str(path), text_of(path))
    folder = path.resolve().parent
    override(document, environ)
    substitute(document, environ, folder)
    settings = validate(document, vendors)
    if settings is not None:
        settings = anchored(settings, folder)
        dialects = [v.name for v in vendors if v.credential_settings is not None]
        check(document, settings, dialects, documented_limits)
    if settings is None or document.problems:
        raise SettingsError(in_order(document))
    return Loaded(settings, noted(document, warnings(settings)))


def text_of(path: FilePath) -> str:
    """A file's text; raises SettingsError."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(
            [Problem(str(path), (), "there is no such file: `leadwire config init` writes one")]
        ) from None
    except UnicodeDecodeError:
        raise SettingsError([Problem(str(path), (), "is not UTF-8")]) from None
    except OSError as error:
        problem = Problem(str(path), (), f"can't be read: {error.strerror}")
        raise SettingsError([problem]) from None


def in_order(document: Document) -> list[Problem]:
    """Problems in the order of the lines; those of the environment after the file's."""

    def line(problem: Problem) -> tuple[int, int]:
        file, _, number = problem.place.rpartition(":")
        return (0, int(number)) if file == document.file and number.isdecimal() else (1, 0)

    return sorted(document.problems, key=line)


def anchored(settings: Settings, folder: FilePath) -> Settings:
    """The same settings with every relative path taken from `folder`."""

    def url(text: str) -> str:
        path = text.removeprefix("sqlite:")
        if path == text or not path or path.startswith(("/", ":")):
            return text
        return f"sqlite:{(folder / path).resolve()}"

    def tls(group: TlsSettings | None) -> TlsSettings | None:
        if group is None:
            return None
        given = group.model_dump(exclude_none=True)
        return TlsSettings(**{name: str(folder / file) for name, file in given.items()})

    def kafka(group: KafkaSettings) -> KafkaSettings:
        files = {name: getattr(group, name) for name in ("ca", "cert", "key")}
        given = {name: str(folder / file) for name, file in files.items() if file is not None}
        return group.model_copy(update=given)

    log, rules = settings.log, settings.automations
    return settings.model_copy(
        update={
            "log": log.model_copy(update={"url": url(log.url), "kafka": kafka(log.kafka)}),
            "store": settings.store.model_copy(update={"url": url(settings.store.url)}),
            "server": settings.server.model_copy(update={"tls": tls(settings.server.tls)}),
            "admin": settings.admin.model_copy(update={"tls": tls(settings.admin.tls)}),
            "automations": None if rules is None else str(folder / rules),
        }
    )
