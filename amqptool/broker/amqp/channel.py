"""One AMQP channel, and publishing on it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pika

from amqptool.broker.amqp.calls import ENCODING_ERRORS
from amqptool.broker.amqp.consuming import ConsumingCalls
from amqptool.broker.amqp.convert import as_message
from amqptool.broker.amqp.frames import PublishFrames, confirm_in
from amqptool.broker.amqp.topology import TopologyCalls
from amqptool.carried import check_message
from amqptool.errors import InputError
from amqptool.message import Message, Returned

if TYPE_CHECKING:
    from collections.abc import Callable


class Channel(TopologyCalls, ConsumingCalls):
    """One channel, for topology (see `TopologyCalls`), consuming (`ConsumingCalls`) and publishing."""

    async def select_confirms(
        self, on_confirm: Callable[[int, bool, bool], None], on_returned: Callable[[Returned], None]
    ) -> None:
        """Put the channel into confirm mode.

        `on_confirm(tag, multiple, accepted)` is called for each ack and nack, `on_returned` before the
        ack of a mandatory message that no queue took.
        """

        def returned(_raw: object, method: Any, properties: Any, body: bytes) -> None:
            message = as_message(method.exchange, method.routing_key, properties, body)
            on_returned(Returned(message=message, reply_code=method.reply_code, reply_text=method.reply_text))

        def confirmed(data: bytes, start: int, end: int) -> int:
            confirm = confirm_in(data, start, end)
            if confirm is None:
                return 0
            on_confirm(*confirm)
            return end

        self._raw.add_on_return_callback(returned)
        self._hear(confirmed)
        await self._call("asking for confirms", self._raw.confirm_delivery, lambda _confirm_heard_above: None)

    def publish(self, message: Message, *, mandatory: bool = True) -> int:
        """Write a message to the connection's buffer; it has not been sent, let alone confirmed, by then.

        Returns how many bytes its headers take, and the properties with them; 0 if there are none.

        Raises:
            InputError: AMQP cannot carry the message; the text names the field.
            BrokerUnavailable: the channel is closed.
        """
        if message.expiration is not None or not isinstance(message.body, bytes):
            # pika would send any text as expiration, for which the broker closes the channel, and would encode a text
            # body, which then comes back as bytes.
            check_message(message)
        if not self._raw.is_open:
            raise self._lost("publishing", pika.exceptions.ChannelWrongStateError())
        try:
            frames, header_bytes = self._frames.of(message, mandatory=mandatory)
        except ENCODING_ERRORS as error:
            raise _unfit(message, error) from error
        if header_bytes > self._frames.limit:  # the broker would close the connection for it
            raise InputError(
                f"the properties and headers take {header_bytes:,} bytes, and a frame holds {self._frames.limit:,}"
            )
        self._raw.connection.send(frames)
        return header_bytes if message.headers else 0

    @cached_property
    def _frames(self) -> PublishFrames:
        # The limit is the one agreed with the broker.
        return PublishFrames(self._raw.channel_number, self._raw.connection.params.frame_max)


def _unfit(message: Message, error: Exception) -> InputError:
    check_message(message)
    return InputError(f"the message cannot be encoded for AMQP: {error}")
