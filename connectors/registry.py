"""Every vendor that leadwire speaks: one line each."""

from connectors.noojee import VENDOR as NOOJEE
from connectors.pollybot import VENDOR as POLLYBOT
from connectors.vendor import Vendor, introduced
from connectors.webhook import VENDOR as WEBHOOK

VENDORS: tuple[Vendor, ...] = introduced(
    (
        NOOJEE,
        POLLYBOT,
        WEBHOOK,
    )
)
