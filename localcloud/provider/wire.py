"""Protocol buffers' Struct and plain Python data, turned into each other.

The engine sends numbers as doubles; ARM wants integers where they are whole, so whole numbers become int. The
provider answers that it takes neither secrets nor outputs, so the engine strips both before it asks and marks
what was secret again in what comes back (annotateSecrets in the engine's provider_plugin.go).
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf import struct_pb2

from recovery.model import Json


def to_plain(struct: struct_pb2.Struct) -> dict[str, Json]:
    """The struct as dict, lists and scalars; whole numbers as int, nulls kept."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return to_plain(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    return None


def to_struct(value: Mapping[str, Json]) -> struct_pb2.Struct:
    """The struct for a JSON-shaped mapping."""
    out = struct_pb2.Struct()
    for key, child in value.items():
        out.fields[key].CopyFrom(_value(child))
    return out


def _value(value: Json) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=float(value))
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=to_struct({str(k): v for k, v in value.items()}))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(item) for item in value]))
