"""JSON as RFC 8259 has it: UTF-8, no NaN, no key twice."""

from __future__ import annotations

import json
from math import isinf
from typing import TYPE_CHECKING, Any, NoReturn

from amqptool.codecs.interface import Limits
from amqptool.codecs.plain import check_depth, check_plain, spell, unique
from amqptool.errors import CodecError

if TYPE_CHECKING:
    from amqptool.codecs.interface import ContentType


class JsonCodec:
    """`application/json` and `…+json`; dates and times are written as ISO 8601 text."""

    content_type = "application/json"

    def encode(self, value: Any, _content_type: ContentType) -> bytes:
        """Return a value as compact JSON."""
        try:
            text = _ENCODER.encode(value)
            check_plain(value, Limits().max_depth)
            return text.encode()
        except CodecError as error:
            raise CodecError(f"cannot be encoded as JSON: {error}") from error
        except RecursionError as error:
            raise CodecError("cannot be encoded as JSON: nested too deeply") from error
        except (TypeError, ValueError) as error:
            raise CodecError(f"cannot be encoded as JSON: {error}") from error

    def decode(self, body: bytes, _content_type: ContentType, limits: Limits) -> Any:
        """Return the value of a body."""
        try:
            value = _DECODER.decode(body.decode("utf-8-sig"))
            check_depth(value, limits.max_depth)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise CodecError(f"not valid JSON: {error.msg} at {place}") from error
        except RecursionError as error:
            raise CodecError("not valid JSON: nested too deeply") from error
        except (CodecError, ValueError) as error:
            raise CodecError(f"not valid JSON: {error}") from error
        return value


def _refuse(name: str) -> NoReturn:
    raise CodecError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise CodecError(f"{text[:40]} does not fit a double")
    return number


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=spell)
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=unique)
