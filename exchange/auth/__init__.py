"""Who may act: envelopes, keys, signatures, logins, limits."""
