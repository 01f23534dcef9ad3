"""Sumcheck, LogUp-GKR and zerocheck over the boolean hypercube."""
