"""Every vendor that leadwire speaks: one line each."""

from connectors.dialnexa import VENDOR as DIALNEXA
from connectors.leadsquared import VENDOR as LEADSQUARED
from connectors.noojee import VENDOR as NOOJEE
from connectors.pollybot import VENDOR as POLLYBOT
from connectors.vendor import Vendor, introduced
from connectors.webhook import VENDOR as WEBHOOK

VENDORS: tuple[Vendor, ...] = introduced(
    (
        NOOJEE,
        LEADSQUARED,
        POLLYBOT,
        DIALNEXA,
        WEBHOOK,
    )
)
