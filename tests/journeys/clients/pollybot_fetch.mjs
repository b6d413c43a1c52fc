// The page "Update Lead", JavaScript (fetch): arguments are the base address and the key.
const [baseUrl, apiKey] = process.argv.slice(2);

const updateLead = async (leadId, updates) => {
  try {
    const response = await fetch(`${baseUrl}/api/v1/leads/${leadId}`, {
      method: 'PUT',
      headers: {
        'Authorization': `Bearer ${apiKey}`,
        'Content-Type': 'application/json'
      },
      body: JSON.stringify(updates)
    });

    if (!response.ok) {
      if (response.status === 404) {
        throw new Error('Lead not found');
      }
      throw new Error(`HTTP error! status: ${response.status}`);
    }

    const result = await response.json();
    return result.data;
  } catch (error) {
    console.error('Error updating lead:', error);
    throw error;
  }
};

const leadId = "lead_1234567890abcdef";
const told = [];

// Simple status update
told.push(await updateLead(leadId, {
  status: "contacted"
}));

// Add notes and metadata
told.push(await updateLead(leadId, {
  metadata: {
    notes: "Very interested in our services",
    lead_score: 90,
    follow_up_date: "2024-01-25"
  }
}));

// Multiple field update
told.push(await updateLead(leadId, {
  phone: "+1-555-999-8888",
  status: "qualified",
  source: "referral",
  metadata: {
    referrer: "Jane Smith",
    budget_range: "$10k-25k"
  }
}));

// A lead that isn't there
await updateLead("lead_another123", { status: "contacted" }).catch((error) => told.push(error.message));
process.stdout.write(JSON.stringify(told));
