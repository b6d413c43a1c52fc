"""Every vendor that leadwire speaks: one line each."""

from connectors.leadsquared import VENDOR as LEADSQUARED
from connectors.noojee import VENDOR as NOOJEE
from connectors.pollybot import VENDOR as POLLYBOT
from connectors.vendor import Vendor

VENDORS: tuple[Vendor, ...] = (
    LEADSQUARED,
    NOOJEE,
    POLLYBOT,
)
