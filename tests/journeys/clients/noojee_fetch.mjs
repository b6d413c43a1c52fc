// The call of the page "Update Lead Fast" with fetch: arguments are the base address and the key.
const [address, key] = process.argv.slice(2);
const query = `fTemplateId=41&fCampaignId=41&fAllocationId=38&njExternalLeadId=9856& apiKey=${key}`;
const response = await fetch(
  `${address}/servicemanager/rest/CampaignAPI/updateLeadFast?${query}`,
  {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({
      Name: 'Jane Smith',
      StreetAddress: 'Suite 8/10 Hoddle St',
      City: 'Abbotsford',
      State: 'Vic',
      PostCode: '3064',
      FirstPhone: '0383218199',
      SecondPhone: '<No Change>',
      njDisposition: 'Sale',
    }),
  },
);
process.stdout.write(JSON.stringify([response.status, await response.text()]));
