"""Typed settings: the models, the loader of the file, and the generated reference.

    file -> document (values with lines) -> overrides -> substitution -> validation -> checks

Only this package reads the environment.
"""

from gateway.settings.checks import DocumentedLimits
from gateway.settings.loader import Loaded, load, read
from gateway.settings.model import Settings
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.reference import json_schema, reference
from gateway.settings.shown import show
from gateway.settings.validation import VendorSettings

__all__ = [
    "DocumentedLimits",
    "Loaded",
    "Problem",
    "Settings",
    "SettingsError",
    "VendorSettings",
    "json_schema",
    "load",
    "read",
    "reference",
    "show",
]
