"""The objects: what users write, what the operator stores, and the rules both obey."""
