"""The options of `amqptool publish` that say what becomes of bodies on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from amqptool.cli.options import options_in, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.codecs.encodings import Compress
    from amqptool.codecs.interface import Codec
    from amqptool.publish.making import MakeMessage

    Function = TypeVar("Function", bound=Callable[..., Any])

_GZIP = "gzip"
#: Bytes of a descriptor set; a large company's are a tenth of it.
_MAX_DESCRIPTOR = 64 * 1024 * 1024
#: The section of these, and of others that say what bodies are.
BODIES = "Bodies"
_encoding = options_in(BODIES)

coding_options = together(
    _encoding(
        "--content-encoding",
        metavar="NAME",
        help="gzip compresses the body; any other name, such as br, is only a label.",
    ),
    _encoding(
        "--compress",
        type=click.Choice(["auto", "always", "never"]),
        help="gzip: auto, where it pays; never, also with --content-encoding gzip, for what is gzip already.",
    ),
    _encoding(
        "--encode",
        type=click.Choice(["json", "msgpack", "protobuf"]),
        help="Read each body as JSON, and send it in this form.  [default: as it is]",
    ),
    _encoding("--proto-descriptor", metavar="FILE", help="What protoc --include_imports --descriptor_set_out wrote."),
    _encoding("--proto-message", metavar="NAME", help="The message type in it, such as shop.Order."),
)


def coded(make: MakeMessage, options: dict[str, Any]) -> MakeMessage:
    """Encode and compress what is made, as the options say.

    Raises:
        OSError: the descriptor set cannot be read.
        ConfigError: it does not fit, or a library is missing.
    """
    when = _when(options)
    codec = _codec(options)
    if codec is None and when == "never":
        return make
    if options["jsonl"] is not None:
        flag = "--encode" if codec else "--compress"
        raise click.UsageError(f"{flag} does not go with --jsonl: records have their own bodies, as they are sent.")
    from amqptool.publish import coding

    return coding.coded(make, codec, when)


def lasting(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that must not change when a run goes on."""
    names = ("encode", "compress", "proto_message")
    return {name: options[name] for name in names if options[name] is not None}


def _when(options: dict[str, Any]) -> Compress:
    chosen: Compress | None = options["compress"]
    if chosen in ("auto", "always") and options["content_encoding"] not in (None, _GZIP):
        raise click.UsageError(f"--compress makes gzip, and not {options['content_encoding']}.")
    if chosen is None:
        return "always" if options["content_encoding"] == _GZIP else "never"
    return chosen


def _codec(options: dict[str, Any]) -> Codec | None:
    wanted, descriptor, message = (options[name] for name in ("encode", "proto_descriptor", "proto_message"))
    if wanted == "protobuf":
        if descriptor is None or message is None:
            raise click.UsageError("--encode protobuf needs the schema: --proto-descriptor and --proto-message.")
        from amqptool.cli.files import read_file
        from amqptool.codecs.protobuf import ProtobufCodec

        return ProtobufCodec.from_descriptor(read_file(descriptor, _MAX_DESCRIPTOR), message)
    if descriptor is not None or message is not None:
        raise click.UsageError("--proto-descriptor and --proto-message are for --encode protobuf.")
    if wanted is None:
        return None
    from amqptool import codecs

    codec, parsed = codecs.codec_for(f"application/{wanted}")
    codec.encode({}, parsed)  # a library that is missing is said before anything is sent
    return codec
