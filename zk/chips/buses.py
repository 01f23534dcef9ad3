"""The buses of the machine (proof system, section 21). Numbers are part of every verifying key."""

from __future__ import annotations

from zk.air.chip import Bus

STATE = Bus(1, "STATE", 2, "permutation")  # pc, clk
MEM = Bus(2, "MEM", 4, "permutation")  # address, timestamp, lo, hi
ORD = Bus(3, "ORD", 1, "permutation")  # address
DELEG = Bus(4, "DELEG", 5, "permutation")  # call, clk, a0, a1, a2
HALT = Bus(5, "HALT", 2, "permutation")  # exit code lo, hi
OUT = Bus(6, "OUT", 3, "permutation")  # index, lo, hi
PATH = Bus(7, "PATH", 11, "permutation")  # clk, level, index, digest
ACC = Bus(8, "ACC", 10, "permutation")  # clk, index, base, pointer a, pointer b, accumulator
PROG = Bus(9, "PROG", 6, "lookup")  # pc, op, r, rs1, x, y
R16 = Bus(10, "R16", 1, "lookup")  # x < 2^16
U8P = Bus(11, "U8P", 2, "lookup")  # two bytes
LOGIC = Bus(12, "LOGIC", 4, "lookup")  # op code of AND, OR or XOR; bytes x, y and the result
SH = Bus(13, "SH", 4, "lookup")  # s < 32, 2^(s mod 16), 2^(16 - s mod 16), bit 4 of s
GLOBAL = Bus(14, "GLOBAL", 4, "permutation")  # across shards: address, lo, hi, shard

CORE_BUSES = (STATE, MEM, ORD, DELEG, HALT, OUT, PROG, R16, U8P, LOGIC, SH)
