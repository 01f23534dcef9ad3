"""The RV32IM chips."""
