"""The demo: a local chain, the service, and the path of one closed deal."""
