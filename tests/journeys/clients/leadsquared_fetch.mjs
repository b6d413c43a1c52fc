// The calls of the pages "Update a Lead (Async)", with its status call, and "Update Leads in Bulk
// v2" with fetch: arguments are the base address, the two keys and the x-api-key.
const [address, accessKey, secretKey, apiKey] = process.argv.slice(2);
const pair = new URLSearchParams({ accessKey, secretKey });
const third = { 'x-api-key': apiKey };

const post = (path, headers, body) => fetch(`${address}${path}`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

const accepted = await post(`/lead/update?${pair}&leadId=leadId&postUpdatedLead=true`, third, [
  { Attribute: 'Phone', Value: '9999999999' },
  { Attribute: 'mx_City', Value: 'London' },
]);
const told = [[accepted.status, await accepted.json()]];

let state = 'In-Queue';
while (state === 'In-Queue') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const query = new URLSearchParams({ RequestID: told[0][1].RequestID });
  const status = await fetch(`${address}/lead/update/status?${query}`, { headers: third });
  state = (await status.json()).TaskStatus.Status;
}

const bulk = await post(`/v2/LeadManagement.svc/Lead/Bulk/UpdateV2?${pair}`, {}, {
  SearchByKey: 'EmailAddress',
  Options: { PushNonExistentLeadsToUnProcessedList: false },
  LeadPropertiesList: [
    {
      Fields: [
        { Attribute: 'EmailAddress', Value: 'johnwick@gmail.com' },
        { Attribute: 'mx_FirstName', Value: 'John' },
        { Attribute: 'mx_LastName', Value: 'Wick' },
        { Attribute: 'Age', Value: '33' },
      ],
    },
    {
      Fields: [
        { Attribute: 'EmailAddress', Value: 'jack@gmail.com' },
        { Attribute: 'mx_FirstName', Value: 'Jack' },
        { Attribute: 'mx_LastName', Value: 'Sparrow' },
        { Attribute: 'PhoneNumber', Value: '9876543210' },
      ],
    },
  ],
});
told.push([bulk.status, await bulk.json()], state);
process.stdout.write(JSON.stringify(told));
