"""A Protocol Buffers schema as `protoc --include_imports --descriptor_set_out` would compile it."""

from __future__ import annotations

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

ORDER = "shop.Order"
_TIMESTAMP = ".google.protobuf.Timestamp"


def compiled(*, with_imports: bool = True) -> bytes:
    """Return the schema of `shop.Order`; without its imports it is not complete."""
    imported = FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(imported)
    shop = FileDescriptorProto(
        name="shop.proto",
        package="shop",
        syntax="proto3",
        dependency=[imported.name],
        message_type=[
            DescriptorProto(
                name="Order",
                field=[
                    _field(1, "name", FieldDescriptorProto.TYPE_STRING),
                    _field(2, "quantity", FieldDescriptorProto.TYPE_INT32),
                    _field(3, "large", FieldDescriptorProto.TYPE_INT64),
                    _field(4, "price", FieldDescriptorProto.TYPE_DOUBLE),
                    _field(5, "paid", FieldDescriptorProto.TYPE_BOOL),
                    _field(6, "image", FieldDescriptorProto.TYPE_BYTES),
                    _field(7, "at", FieldDescriptorProto.TYPE_MESSAGE, _TIMESTAMP),
                    _field(8, "parts", FieldDescriptorProto.TYPE_MESSAGE, f".{ORDER}", repeated=True),
                ],
            )
        ],
    )
    return FileDescriptorSet(file=[imported, shop] if with_imports else [shop]).SerializeToString()


def _field(number: int, name: str, kind: int, of: str | None = None, *, repeated: bool = False) -> FieldDescriptorProto:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    return FieldDescriptorProto(name=name, number=number, type=kind, label=label, type_name=of)
