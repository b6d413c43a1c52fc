"""Takes webhooks, verifies them, and does each once: `python receiver.py 9000 whsec_…`.

Needs `pip install standardwebhooks`. Answer 2xx once what you do is safe: anything else is tried
again, under the same id. 410 asks leadwire to send no more.
"""

import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

REMEMBERED = "received.db"


class Receiver(BaseHTTPRequestHandler):
    """One call."""

    webhook: Webhook

    def do_POST(self) -> None:
        """Verify, remember the id and do it in one transaction, and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            # While a secret is changed, leadwire signs by both: either verifies.
            event = self.webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401)
            return
        with sqlite3.connect(REMEMBERED) as db:
            db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, type TEXT)")
            id = self.headers["webhook-id"]
            row = (id, event["type"])
            if db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", row).rowcount:
                print(event["type"], event["subject"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Say how it went."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is said above is enough."""


if __name__ == "__main__":
    Receiver.webhook = Webhook(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
