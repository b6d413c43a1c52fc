#!/bin/sh
# The samples of the pages "Update a Lead (Async)" and "Update Leads in Bulk v2": arguments are the
# base address, the two keys and the x-api-key.
curl -sS -i -X POST "$1/lead/update?accessKey=$2&secretKey=$3&leadId=leadId&postUpdatedLead=postUpdatedLead" \
  -H "Content-Type: application/json" -H "x-api-key: $4" -d '[
   {
      "Attribute":"Phone",
      "Value":"9999999999"
   },
   {
      "Attribute":"mx_City",
      "Value":"London"
   }
]'
printf '\n--\n'
curl -sS -i -X POST "$1/v2/LeadManagement.svc/Lead/Bulk/UpdateV2?accessKey=$2&secretKey=$3" \
  -H "Content-Type: application/json" -d '{
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
}'
