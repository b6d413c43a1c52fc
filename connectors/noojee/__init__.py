"""Noojee Contact (call-centre dialler): UpdateLeadFast spoken and answered."""

from __future__ import annotations

from connectors.noojee import wire
from connectors.noojee.inbound import NoojeeCredential, NoojeeDialect
from connectors.noojee.mapping.telling import disposition_action
from connectors.noojee.outbound import NoojeeSettings, connect
from connectors.vendor import PayloadShape, SampleCall, Vendor

SAMPLE = SampleCall(
    method="POST",
    path=wire.PATH,
    query=(
        ("fTemplateId", "41"),
        ("fCampaignId", "41"),
        ("fAllocationId", "38"),
        ("njExternalLeadId", "9856"),
        (" apiKey", "f863246a-973e-11e6-8784-08002718f5b5"),
    ),
    headers=(("Accept", "application/json"), ("Content-Type", "application/json")),
    body=(
        b'{"Name":"Jane Smith","StreetAddress":"Suite 8/10 Hoddle St", "City": "Abbotsford", '
        b'"State":"Vic", "PostCode":"3064", "FirstPhone":"0383218199", '
        b'"SecondPhone":"<No Change>", "njDisposition":"Sale"}'
    ),
    note='Noojee, page "Update Lead Fast": closes lead 9856 as a Sale, leaves its second phone',
    keys={"f863246a-973e-11e6-8784-08002718f5b5": "api_key"},
)
"""The page's own call, with its stray space before `apiKey` and its own key."""

VENDOR = Vendor(
    name="noojee",
    dialect=NoojeeDialect(),
    credential_settings=NoojeeCredential,
    connector_settings=NoojeeSettings,
    connect=connect,
    sandbox="connectors.noojee.sandbox",
    samples=(SAMPLE,),
    payloads=(PayloadShape("noojee", disposition_action),),
)
