"""The encrypted append-only journal and its recovery."""
