"""A canonical event as a structured CloudEvent (CloudEvents 1.0, JSON format). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.delivery.connector import Delivery
from connectors.vendor import Payload, PayloadShape
from gateway.model.action import told_data, told_type
from gateway.model.codec import update_data
from gateway.model.event import UPDATE_REQUESTED
from gateway.model.json import JsonValue
from gateway.settings.model import TenantSettings


def cloud_event(delivery: Delivery, habits: TenantSettings, fields: Mapping[str, str]) -> Payload:
    """The event as it stands in the log: our names and values, so neither habits nor `fields`
    matter. Who else gets it and who waits for it (extensions in the log) is nobody's business
    outside. Of an action it is the trigger, under the action's id, with what was before."""
    del habits, fields
    event, action = delivery.event, delivery.action
    body: dict[str, JsonValue] = {
        "specversion": "1.0",
        "id": event.id,
        "type": UPDATE_REQUESTED,
        "source": event.source,
        "subject": event.lead_key,
        "time": event.time,
        "datacontenttype": "application/json",
        "partitionkey": event.lead_key,
        "tenant": event.tenant,
    }
    if event.traceparent is not None:
        body["traceparent"] = event.traceparent
    if action is None:
        body["data"] = update_data(event)
        return Payload(body)
    body["type"], body["data"] = told_type(action), told_data(action)
    return Payload(body)


CLOUD_EVENT = PayloadShape("cloudevent", cloud_event, "application/cloudevents+json")
