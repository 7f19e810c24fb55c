"""The command line: parse, build, call one library function, show its result."""
