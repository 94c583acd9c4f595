"""How a group stands, as clients ask for it."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import persistent_pb2 as pb

from backstory.server.persistent.running import RunningGroup


def info_of(group: RunningGroup) -> pb.SubscriptionInfo:
    """Return how *group* stands."""
    config, settings, engine = group.config, group.config.settings, group.engine
    info = pb.SubscriptionInfo(
        event_source=config.source,
        group_name=config.group,
        status="Live",
        total_items=engine.total,
        resolve_link_tos=settings.resolve_links,
        start_from=config.start_from,
        message_timeout_milliseconds=settings.message_timeout_ms,
        extra_statistics=settings.extra_statistics,
        max_retry_count=settings.max_retry_count,
        live_buffer_size=settings.live_buffer_size,
        buffer_size=settings.history_buffer_size,
        read_batch_size=settings.read_batch_size,
        check_point_after_milliseconds=settings.checkpoint_after_ms,
        min_check_point_count=settings.min_checkpoint_count,
        max_check_point_count=settings.max_checkpoint_count,
        read_buffer_count=engine.buffered,
        live_buffer_count=0,
        retry_buffer_count=engine.retrying,
        total_in_flight_messages=engine.in_flight,
        outstanding_messages_count=engine.in_flight,
        named_consumer_strategy=settings.strategy,
        max_subscriber_count=settings.max_subscriber_count,
        parked_message_count=group.parked_count,
    )
    if group.last_finished > config.start:
        info.last_checkpointed_event_position = _place(group, group.last_finished)
    if group.last_known > config.start:
        info.last_known_event_position = _place(group, group.last_known)
    for consumer in engine.consumers:
        connection = info.connections.add()
        setattr(connection, "from", consumer.address)
        connection.total_items = consumer.taken
        connection.available_slots = consumer.slots - consumer.unanswered
        connection.in_flight_messages = consumer.unanswered
        connection.connection_name = consumer.name
    return info


def _place(group: RunningGroup, key: int) -> str:
    return f"C:{key}/P:{key}" if group.config.stream is None else str(key)
