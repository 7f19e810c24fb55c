"""`python -m amqptool`."""

from amqptool.cli.root import main

main()
