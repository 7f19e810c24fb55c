"""From the text of a file to a topology: read within bounds, build object by object, all problems at once."""
