"""Runs of several shards: split, proven shard by shard, verified as one (proof system, section 15)."""
