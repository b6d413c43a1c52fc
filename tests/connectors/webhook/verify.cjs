// Verifies each case on stdin with the reference library: the payload, or null where it refuses.
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const verified = cases.map(({ secret, headers, body }) => {
  try {
    return new Webhook(secret).verify(body, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return null;
    throw error;
  }
});
process.stdout.write(JSON.stringify(verified));
