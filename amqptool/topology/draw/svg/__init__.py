"""A graph as SVG: complete by itself, without scripts, links or fonts, for light and dark backgrounds."""

from amqptool.topology.draw.svg.render import svg

__all__ = ["svg"]
