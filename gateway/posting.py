"""Who posts webhooks, and how rules configure whom they are posted to: rules know no vendor."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.automations.loading import Endpoints
from connectors.vendor import Vendor


def poster(vendors: Sequence[Vendor]) -> Vendor:
    """Who posts webhooks."""
    return next(vendor for vendor in vendors if vendor.posting is not None)


def endpoints(vendors: Sequence[Vendor], log: str | None = None) -> Endpoints:
    """How the file of rules configures endpoints, where the log has this URL (None: somewhere)."""
    vendor = poster(vendors)
    payloads = frozenset(shape.name for one in vendors for shape in one.payloads)
    publishes = log is None or log.startswith("kafka:")
    return Endpoints(vendor.connector_settings, vendor.name, payloads, publishes)
