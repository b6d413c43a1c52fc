// The calls of the page "Update a campaign lead" with fetch: arguments are the base address and
// the key.
const [address, key] = process.argv.slice(2);
const told = [];
for (const body of [
  { phone_number: '+919876543211' },
  { metadata: { customer_name: 'Priya Sharma', product: 'home_loan' } },
  { name: 'Priya Sharma', phoneNumber: '9876543212', countryCode: '+91' },
  { phone_number: '9876543210' },
]) {
  const response = await fetch(`${address}/v1/campaigns-leads/cmp_5tw8vz2rnx1q`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  told.push([response.status, await response.json()]);
}
process.stdout.write(JSON.stringify(told));
