#!/bin/sh
# The page "Update Lead", cURL: arguments are the base address and the key.
curl -sS -i -X PUT "$1/api/v1/leads/lead_1234567890abcdef" \
  -H "Authorization: Bearer $2" \
  -H "Content-Type: application/json" \
  -d '{
    "status": "contacted",
    "metadata": {
      "notes": "Follow up scheduled for next week",
      "last_interaction": "2024-01-16T14:30:00.000Z"
    }
  }'
