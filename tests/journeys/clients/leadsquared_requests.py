"""The calls of the pages "Update a Lead (Async)", with its status call, and "Update Leads in Bulk
v2" with requests: arguments are the base address, the two keys and the x-api-key. Prints each
status and body."""

import json
import sys
import time

import requests

address, access_key, secret_key, api_key = sys.argv[1:]
pair = {"accessKey": access_key, "secretKey": secret_key}
third = {"x-api-key": api_key}

accepted = requests.post(
    f"{address}/lead/update",
    params={**pair, "leadId": "leadId", "postUpdatedLead": "true"},
    headers=third,
    json=[
        {"Attribute": "Phone", "Value": "9999999999"},
        {"Attribute": "mx_City", "Value": "London"},
    ],
    timeout=30,
)
request_id = accepted.json()["RequestID"]
state = "In-Queue"
while state == "In-Queue":
    time.sleep(0.1)
    status = requests.get(
        f"{address}/lead/update/status",
        params={"RequestID": request_id},
        headers=third,
        timeout=30,
    )
    state = status.json()["TaskStatus"]["Status"]

bulk = requests.post(
    f"{address}/v2/LeadManagement.svc/Lead/Bulk/UpdateV2",
    params=pair,
    json={
        "SearchByKey": "EmailAddress",
        "Options": {"PushNonExistentLeadsToUnProcessedList": False},
        "LeadPropertiesList": [
            {
                "Fields": [
                    {"Attribute": "EmailAddress", "Value": "johnwick@gmail.com"},
                    {"Attribute": "mx_FirstName", "Value": "John"},
                    {"Attribute": "mx_LastName", "Value": "Wick"},
                    {"Attribute": "Age", "Value": "33"},
                ]
            },
            {
                "Fields": [
                    {"Attribute": "EmailAddress", "Value": "jack@gmail.com"},
                    {"Attribute": "mx_FirstName", "Value": "Jack"},
                    {"Attribute": "mx_LastName", "Value": "Sparrow"},
                    {"Attribute": "PhoneNumber", "Value": "9876543210"},
                ]
            },
        ],
    },
    timeout=30,
)
answers = [[one.status_code, one.json()] for one in (accepted, bulk)]
sys.stdout.write(json.dumps([*answers, status.json()["TaskStatus"]["Status"]]))
