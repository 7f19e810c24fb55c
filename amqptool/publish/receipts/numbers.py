"""A set of numbers, one bit each."""

from __future__ import annotations


class Numbers:
    """Holds ten million line numbers in 1.25 MB."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        index = number >> 3
        return index < len(self._bits) and bool(self._bits[index] >> (number & 7) & 1)

    def add(self, number: int) -> None:
        """Take a number in, 0 or greater; its size decides about memory."""
        index, bit = number >> 3, 1 << (number & 7)
        if index >= len(self._bits):
            # Doubling, so that growing by one at a time stays linear.
            self._bits.extend(bytes(max(index + 1 - len(self._bits), len(self._bits), 64)))
        if not self._bits[index] & bit:
            self._bits[index] |= bit
            self._count += 1
