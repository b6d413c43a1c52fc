"""The calls of the page "Update a campaign lead" with requests: arguments are the base address and
the key. Prints each status and body."""

import json
import sys

import requests

address, key = sys.argv[1:]
told = []
for body in (
    {"phone_number": "+919876543211"},
    {"metadata": {"customer_name": "Priya Sharma", "product": "home_loan"}},
    {"name": "Priya Sharma", "phoneNumber": "9876543212", "countryCode": "+91"},
    {"phone_number": "9876543210"},
):
    response = requests.patch(
        f"{address}/v1/campaigns-leads/cmp_5tw8vz2rnx1q",
        headers={"Authorization": f"Bearer {key}"},
        json=body,
        timeout=30,
    )
    told.append([response.status_code, response.json()])
sys.stdout.write(json.dumps(told))
