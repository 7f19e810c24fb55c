"""Where boxes and lines go: a layered layout from left to right, without any drawing."""

from amqptool.topology.draw.layout.arrange import arrange
from amqptool.topology.draw.layout.shapes import Arrangement, Box, Link, Rect, Route, Stretch

__all__ = ["Arrangement", "Box", "Link", "Rect", "Route", "Stretch", "arrange"]
