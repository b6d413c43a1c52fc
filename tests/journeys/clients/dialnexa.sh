#!/bin/sh
# The page "Update a campaign lead", its Request and its schema's curl: arguments are the base
# address and the key. The id is the page's, and so are the placeholders of the second call, but
# for a number that can be dialled.
curl -sS -i -X PATCH "$1/v1/campaigns-leads/cmp_5tw8vz2rnx1q" \
  -H "Authorization: Bearer $2" \
  -H "Content-Type: application/json" \
  -d '{"phone_number": "+919876543211"}'
printf '\n--\n'
curl -sS -i --request PATCH \
  --url "$1/v1/campaigns-leads/cmp_5tw8vz2rnx1q" \
  --header "Authorization: Bearer $2" \
  --header 'Content-Type: application/json' \
  --data '
{
  "name": "<string>",
  "phoneNumber": "9876543212",
  "countryCode": "+91",
  "notes": {}
}
'
