"""Deleting streams until they are written to again, and ending them for good."""

from __future__ import annotations

import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import (
    NotFoundError,
    StreamIsDeletedError,
    WrongCurrentVersionError,
)

ANY, NO_STREAM, EXISTS = StreamState.ANY, StreamState.NO_STREAM, StreamState.EXISTS


def filled(client: KurrentDBClient, stream: str, count: int = 2) -> None:
    """Append so many events."""
    events = [NewEvent(type="happened", data=b"{}") for _ in range(count)]
    client.append_to_stream(stream, current_version=ANY, events=events)


@pytest.mark.parametrize("expected", [ANY, EXISTS, 1])
def test_a_deleted_stream_is_not_found(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """`$all` still shows what it held."""
    filled(client, stream)
    client.delete_stream(stream, current_version=expected)
    with pytest.raises(NotFoundError):
        client.get_stream(stream)
    by_name = client.read_all(filter_include=[f"^{stream}$"], filter_by_stream_name=True)
    assert len(list(by_name)) == 2


@pytest.mark.parametrize("expected", [ANY, EXISTS, 0, 5])
def test_what_never_was_cannot_be_deleted(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """It is not found."""
    with pytest.raises(NotFoundError):
        client.delete_stream(stream, current_version=expected)


@pytest.mark.parametrize("expected", [NO_STREAM, 0, 7])
def test_a_deletion_expects_as_an_append_does(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """And changes nothing when the stream is otherwise."""
    filled(client, stream)
    for change in (client.delete_stream, client.tombstone_stream):
        with pytest.raises(WrongCurrentVersionError):
            change(stream, current_version=expected)
    assert len(client.get_stream(stream)) == 2


def test_a_stream_may_be_deleted_again(client: KurrentDBClient, stream: str) -> None:
    """By those who expect nothing; not by those who expect that it exists."""
    filled(client, stream)
    client.delete_stream(stream, current_version=ANY)
    client.delete_stream(stream, current_version=ANY)
    client.delete_stream(stream, current_version=1)
    with pytest.raises(StreamIsDeletedError):
        client.delete_stream(stream, current_version=EXISTS)


def test_a_stream_is_deleted_and_written_to_many_times(
    client: KurrentDBClient, stream: str
) -> None:
    """Each time only what came last is read."""
    for round_ in range(3):
        filled(client, stream)
        assert [e.stream_position for e in client.get_stream(stream)] == [
            2 * round_,
            2 * round_ + 1,
        ]
        client.delete_stream(stream, current_version=ANY)


def test_other_metadata_outlive_a_deletion(client: KurrentDBClient, stream: str) -> None:
    """Only `$tb` is written."""
    filled(client, stream)
    client.set_stream_metadata(stream, metadata={"owner": "ops"}, current_version=ANY)
    client.delete_stream(stream, current_version=ANY)
    assert client.get_stream_metadata(stream)[0] == {"owner": "ops", "$tb": 2**63 - 1}
    filled(client, stream)
    assert client.get_stream_metadata(stream)[0] == {"owner": "ops", "$tb": 2}


def test_metadata_written_to_a_deleted_stream_do_not_bring_it_back(
    client: KurrentDBClient, stream: str
) -> None:
    """What was hidden stays hidden."""
    filled(client, stream)
    client.delete_stream(stream, current_version=ANY)
    client.set_stream_metadata(stream, metadata={"owner": "ops"}, current_version=ANY)
    with pytest.raises(NotFoundError):
        client.get_stream(stream)
    filled(client, stream, 1)
    assert [e.stream_position for e in client.get_stream(stream)] == [2]


def test_a_stream_of_metadata_alone_may_be_deleted(client: KurrentDBClient, stream: str) -> None:
    """By those who expect no stream."""
    client.set_stream_metadata(stream, metadata={"a": 1}, current_version=ANY)
    client.delete_stream(stream, current_version=NO_STREAM)


@pytest.mark.parametrize("expected", [ANY, EXISTS, 1])
def test_a_tombstone_ends_a_stream_for_good(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """It can be neither read, deleted nor ended again; its metadata may still be written."""
    filled(client, stream)
    client.tombstone_stream(stream, current_version=expected)
    with pytest.raises(StreamIsDeletedError):
        client.get_stream(stream)
    for change in (client.delete_stream, client.tombstone_stream):
        for again in (ANY, EXISTS, 1):
            with pytest.raises(StreamIsDeletedError):
                change(stream, current_version=again)
    client.set_stream_metadata(stream, metadata={"a": 1}, current_version=ANY)


@pytest.mark.parametrize("expected", [ANY, NO_STREAM])
def test_a_stream_that_never_was_can_be_ended(
    client: KurrentDBClient, stream: str, expected: StreamState
) -> None:
    """Its name is burnt."""
    client.tombstone_stream(stream, current_version=expected)
    with pytest.raises(StreamIsDeletedError):
        client.get_stream(stream)


@pytest.mark.parametrize("expected", [EXISTS, 0])
def test_what_never_was_is_not_ended_by_who_expects_it(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """It is not found."""
    with pytest.raises(NotFoundError):
        client.tombstone_stream(stream, current_version=expected)


@pytest.mark.parametrize("expected", [ANY, NO_STREAM, 1])
def test_a_deleted_stream_can_be_ended(
    client: KurrentDBClient, stream: str, expected: StreamState | int
) -> None:
    """As if it were there."""
    filled(client, stream)
    client.delete_stream(stream, current_version=ANY)
    client.tombstone_stream(stream, current_version=expected)
    with pytest.raises(StreamIsDeletedError):
        client.get_stream(stream)
