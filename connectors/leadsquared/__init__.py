"""LeadSquared: its asynchronous and bulk lead updates, spoken in both directions."""

from __future__ import annotations

from connectors.leadsquared.inbound.credential import LeadSquaredCredential
from connectors.leadsquared.inbound.dialect import LeadSquaredDialect
from connectors.leadsquared.mapping.telling import LEAD_UPDATE
from connectors.leadsquared.outbound.connector import connect
from connectors.leadsquared.outbound.settings import LeadSquaredSettings, sandboxed
from connectors.leadsquared.wire.attributes import API_KEY, BULK_PATH, UPDATE_PATH
from connectors.vendor import SampleCall, Vendor

_PAIR = (("accessKey", "AccessKey"), ("secretKey", "SecretKey"))
_KEYS = {"AccessKey": "access_key", "SecretKey": "secret_key"}
_JSON = ("Content-Type", "application/json")

ASYNC_SAMPLE = SampleCall(
    method="POST",
    path=UPDATE_PATH,
    query=(*_PAIR, ("leadId", "leadId"), ("postUpdatedLead", "true")),
    headers=(_JSON, (API_KEY, "x-api-key")),
    body=b"""[
   {
      "Attribute":"Phone",
      "Value":"9999999999"
   },
   {
      "Attribute":"mx_City",
      "Value":"London"
   }
]""",
    keys={**_KEYS, "x-api-key": "x_api_key"},
    note='LeadSquared, page "Update a Lead (Async)": a phone number and a city; automations run',
)
"""The page's URL has the parameters' names in place of values: the lead's id is `leadId`. Its
`postUpdatedLead` is said as the page tells to say it."""

BULK_SAMPLE = SampleCall(
    method="POST",
    path=BULK_PATH,
    query=_PAIR,
    headers=(_JSON,),
    body=b"""{
  "SearchByKey": "EmailAddress",
  "Options": {
    "PushNonExistentLeadsToUnProcessedList": false
  },
  "LeadPropertiesList": [
    {
      "Fields": [
        {
          "Attribute": "EmailAddress",
          "Value": "johnwick@gmail.com"
        },
        {
          "Attribute": "mx_FirstName",
          "Value": "John"
        },
        {
          "Attribute": "mx_LastName",
          "Value": "Wick"
        },
        {
          "Attribute": "Age",
          "Value": "33"
        }
      ]
    },
    {
      "Fields": [
        {
          "Attribute": "EmailAddress",
          "Value": "jack@gmail.com"
        },
        {
          "Attribute": "mx_FirstName",
          "Value": "Jack"
        },
        {
          "Attribute": "mx_LastName",
          "Value": "Sparrow"
        },
        {
          "Attribute": "PhoneNumber",
          "Value": "9876543210"
        }
      ]
    }
  ]
}""",
    keys=_KEYS,
    note='LeadSquared, page "Update Leads in Bulk v2": two leads by their e-mail addresses',
)

VENDOR = Vendor(
    name="leadsquared",
    dialect=LeadSquaredDialect(),
    credential_settings=LeadSquaredCredential,
    connector_settings=LeadSquaredSettings,
    connect=connect,
    sandbox="connectors.leadsquared.sandbox",
    samples=(ASYNC_SAMPLE, BULK_SAMPLE),
    payloads=(LEAD_UPDATE,),
    sandboxed=sandboxed,
)

__all__ = ["VENDOR"]
