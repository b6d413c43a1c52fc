"""The event log on Apache Kafka, by aiokafka 0.14: the only folder that speaks it.

aiokafka's edges are taken off here (numbers of its issues on GitHub):

    a batch of an idempotent producer never expires      every wait has our deadline
    a batch that expires for want of a leader, or fails
    otherwise, poisons its producer for good (1017)      the producer is replaced (`writer`)
    `stop` waits for what can't be sent                   closed from underneath (`producing`)
    a cancelled `getmany` is never cleared up after       one task polls and is not cancelled
    a consumer can stand still for ever (1154, 703)       seen by its lag and replaced (`cursor`)
    on uvloop a write to a connection that is gone
    raises RuntimeError, of which the task that hears
    who leads what dies, and `close` after it             seen (`is_deaf`), closed by hand
    only brokers it knows are asked for others (459)      clients are made anew (`reconnecting`)

Positions are the reader's; Kafka's groups play no part but to tell tools how far readers are.
"""

from gateway.eventlog.kafka.log import KafkaLog

__all__ = ["KafkaLog"]
