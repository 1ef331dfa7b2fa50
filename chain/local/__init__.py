"""The local chain: how it starts, whose accounts it has."""
