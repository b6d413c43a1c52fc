#!/bin/sh
# The sample of the page "Update Lead Fast": arguments are the base address and the key.
curl -sS -i -H "Accept: application/json" -H "Content-Type: application/json" -X POST \
-d '{"Name":"Jane Smith","StreetAddress":"Suite 8/10 Hoddle St", "City": "Abbotsford"
, "State":"Vic", "PostCode":"3064", "FirstPhone":"0383218199", "SecondPhone":"<No Change>"
, "njDisposition":"Sale"}' \
"$1/servicemanager/rest/CampaignAPI/updateLeadFast?fTemplateId=41&fCampaignId=41&fAllocationId=38&njExternalLeadId=9856&%20apiKey=$2"
