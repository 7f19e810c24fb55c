#!/bin/sh
# The handler of a worker with exec: it records an effect, and does the same misdeeds as handlers.py.
read -r number
misdeed=$(sed -n "s/^$number //p" "$FAULTS_RECORDS/misdeeds")
case $AMQPTOOL_ATTEMPT$misdeed in
1RAISE | *FAIL) exit 75 ;;
1HANG | 1EXIT) kill -9 $$ ;; # it is its own process
1SLOW) sleep 0.3 ;;
esac
# Python's time.monotonic() in hundredths, rounded up: what is after a death must not seem to be before it.
read -r up _ </proc/uptime
echo "effect $FAULTS_WORKER $PPID $AMQPTOOL_MESSAGE_ID ${up}9" 1<>"$FAULTS_RECORDS/pipe"
