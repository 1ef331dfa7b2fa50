"""The trade's own vocabulary: codes, parties, deals, products."""
