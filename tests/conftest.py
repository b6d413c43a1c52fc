"""What holds for every test."""

from __future__ import annotations

import signal

from hypothesis import settings

pytest_plugins = ["tests.kafka.fixture", "tests.postgres_server"]

# No deadline per example: a test has its own limit, and a busy machine is no finding. No
# database: an example that failed is written down as a test of its own.
settings.register_profile("leadwire", deadline=None, database=None, print_blob=True)
settings.load_profile("leadwire")

# A shell without job control starts what it puts in the background with SIGINT ignored, and every
# process we would end by it inherited that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
