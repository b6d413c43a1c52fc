"""The call of the page "Update Lead Fast" with requests: arguments are the base address and the
key. Prints status and body."""

import json
import sys

import requests

address, key = sys.argv[1:]
response = requests.post(
    f"{address}/servicemanager/rest/CampaignAPI/updateLeadFast",
    params={
        "fTemplateId": "41",
        "fCampaignId": "41",
        "fAllocationId": "38",
        "njExternalLeadId": "9856",
        " apiKey": key,
    },
    headers={"Accept": "application/json"},
    json={
        "Name": "Jane Smith",
        "StreetAddress": "Suite 8/10 Hoddle St",
        "City": "Abbotsford",
        "State": "Vic",
        "PostCode": "3064",
        "FirstPhone": "0383218199",
        "SecondPhone": "<No Change>",
        "njDisposition": "Sale",
    },
    timeout=75,
)
sys.stdout.write(json.dumps([response.status_code, response.text]))
