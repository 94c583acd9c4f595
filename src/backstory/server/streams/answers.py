"""What an append answers, said in the words of each of its two services."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.expected import ANY, NO_STREAM, WrongExpectedRevision
from backstory.server.failures import version_of
from backstory.stores.retention.empty import Unmoved

_UNSIGNED = 2**64


def conflict_answer(error: WrongExpectedRevision) -> pb.AppendResp:
    """Return the answer of Append to a stream that is not as expected.

    The fields of before 20.6 are filled, too: there "no stream" is the largest number.
    """
    answer = pb.AppendResp()
    told = answer.wrong_expected_version
    if error.actual is None:
        told.current_no_stream.SetInParent()
        told.no_stream_20_6_0.SetInParent()
    else:
        told.current_revision = told.current_revision_20_6_0 = error.actual
    expected = error.expected
    if isinstance(expected, int):
        told.expected_revision = told.expected_revision_20_6_0 = expected
    elif expected is ANY:
        told.expected_any.SetInParent()
        told.any_20_6_0.SetInParent()
    elif expected is NO_STREAM:
        told.expected_no_stream.SetInParent()
        told.expected_revision_20_6_0 = version_of(expected) % _UNSIGNED
    else:
        told.expected_stream_exists.SetInParent()
        told.stream_exists_20_6_0.SetInParent()
    return answer


def appended_answer(appended: Unmoved) -> pb.AppendResp:
    """Return the answer of Append when the events are stored."""
    answer = pb.AppendResp()
    tell_success(answer.success, appended)
    return answer


def tell_success(
    success: pb.AppendResp.Success | pb.BatchAppendResp.Success, appended: Unmoved
) -> None:
    """Write into *success* where the events stand."""
    if appended.revision is None:
        success.no_stream.SetInParent()
    else:
        success.current_revision = appended.revision
    if appended.position is None:
        success.no_position.SetInParent()
    else:
        success.position.commit_position = appended.position
        success.position.prepare_position = appended.position
