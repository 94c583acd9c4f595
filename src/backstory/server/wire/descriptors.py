"""Messages of EventStoreDB that the official client for Python does not bring along.

Described here field by field, from the protocol as clients speak it: names of packages and numbers
of fields are what goes over the wire, nothing else matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_TEXT: Final = _Field.TYPE_STRING
_INT32: Final = _Field.TYPE_INT32

FieldSpec = tuple[str, int, "int | str", bool]
"""Name, number, kind (a scalar's, or the full name of a message), and whether it is repeated."""


def _message(
    name: str, fields: Sequence[FieldSpec], nested: Sequence[descriptor_pb2.DescriptorProto] = ()
) -> descriptor_pb2.DescriptorProto:
    described = descriptor_pb2.DescriptorProto(name=name)
    described.nested_type.extend(nested)
    for field, number, kind, repeated in fields:
        one = described.field.add(name=field, number=number)
        one.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        if isinstance(kind, str):
            one.type, one.type_name = _Field.TYPE_MESSAGE, f".{kind}"
        else:
            one.type = cast("Any", kind)
    return described


def _added(package: str, messages: Sequence[descriptor_pb2.DescriptorProto]) -> None:
    described = descriptor_pb2.FileDescriptorProto(
        name=f"backstory/{package}.proto", package=package, syntax="proto3"
    )
    described.message_type.extend(messages)
    descriptor_pool.Default().Add(described)


def _class_of(full_name: str) -> type[Any]:
    found = descriptor_pool.Default().FindMessageTypeByName(full_name)
    return cast("type[Any]", message_factory.GetMessageClass(found))


_FEATURES: Final = "event_store.client.server_features"
_OPERATIONS: Final = "event_store.client.operations"

_added(
    _FEATURES,
    [
        _message(
            "SupportedMethod",
            [
                ("method_name", 1, _TEXT, False),
                ("service_name", 2, _TEXT, False),
                ("features", 3, _TEXT, True),
            ],
        ),
        _message(
            "SupportedMethods",
            [
                ("methods", 1, f"{_FEATURES}.SupportedMethod", True),
                ("event_store_server_version", 2, _TEXT, False),
            ],
        ),
    ],
)
_added(
    _OPERATIONS,
    [
        _message(
            "StartScavengeReq",
            [("options", 1, f"{_OPERATIONS}.StartScavengeReq.Options", False)],
            [
                _message(
                    "Options",
                    [("thread_count", 1, _INT32, False), ("start_from_chunk", 2, _INT32, False)],
                )
            ],
        ),
        _message(
            "StopScavengeReq",
            [("options", 1, f"{_OPERATIONS}.StopScavengeReq.Options", False)],
            [_message("Options", [("scavenge_id", 1, _TEXT, False)])],
        ),
        # The result is an enumeration, which goes over the wire as its number.
        _message(
            "ScavengeResp",
            [("scavenge_id", 1, _TEXT, False), ("scavenge_result", 2, _INT32, False)],
        ),
    ],
)

SupportedMethods: Final[type[Any]] = _class_of(f"{_FEATURES}.SupportedMethods")
StartScavengeReq: Final[type[Any]] = _class_of(f"{_OPERATIONS}.StartScavengeReq")
StopScavengeReq: Final[type[Any]] = _class_of(f"{_OPERATIONS}.StopScavengeReq")
ScavengeResp: Final[type[Any]] = _class_of(f"{_OPERATIONS}.ScavengeResp")
