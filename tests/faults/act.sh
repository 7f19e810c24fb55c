#!/bin/sh
# The handler of a worker with exec: it records an effect, as handlers.py does, and some numbers bring misdeeds.
read -r number
if [ "$AMQPTOOL_ATTEMPT" = 1 ]; then
    case $number in
    *17) exit 75 ;;
    *042) exit 1 ;;
    *99) sleep 0.3 ;;
    esac
fi
# Python's time.monotonic() in hundredths, rounded up: what is after a death must not seem to be before it.
read -r up _ </proc/uptime
echo "effect $FAULTS_WORKER $PPID $AMQPTOOL_MESSAGE_ID ${up}9" 1<>"$FAULTS_RECORDS/pipe"
