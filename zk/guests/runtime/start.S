# Entry of every guest: stack, static constructors, main, HALT with its result.
    .section .text._start, "ax"
    .globl _start
_start:
    la sp, __stack_top
    la s0, __init_array_start
    la s1, __init_array_end
1:  bgeu s0, s1, 2f
    lw t0, 0(s0)
    addi s0, s0, 4
    jalr t0
    j 1b
2:  call main
    j guest_halt
