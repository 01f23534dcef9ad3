// Model macros for assembly tests that leave a signature, for this machine (docs/conformance.md).
// Names as the RISC-V architectural tests expect them; one RVMODEL_HALT a program.
// clang-format off
#ifndef BLINDBOOK_MODEL_TEST_H
#define BLINDBOOK_MODEL_TEST_H

// A guest starts with all registers zero and needs no set-up.
#define RVMODEL_BOOT

// Commits sixteen checksums of the signature, then HALT with exit code 0. Word i: h := 31 h + word over words i, i + 16, ...
// The verified proof then says what the signature was. x1 lane, x2 address, x3 end, x11 h; every register may be used here.
#define RVMODEL_HALT                             \
    .globl signature_checksum;                   \
signature_checksum:                              \
    li   x1, 0;                                  \
91: la   x2, begin_signature;                    \
    la   x3, end_signature;                      \
    slli x4, x1, 2;                              \
    add  x2, x2, x4;                             \
    li   x11, 0;                                 \
92: bgeu x2, x3, 93f;                            \
    lw   x4, 0(x2);                              \
    slli x5, x11, 5;                             \
    sub  x11, x5, x11;                           \
    add  x11, x11, x4;                           \
    addi x2, x2, 64;                             \
    j    92b;                                    \
93: mv   x10, x1;                                \
    li   x17, 2;                                 \
    ecall;                                       \
    addi x1, x1, 1;                              \
    li   x4, 16;                                 \
    bltu x1, x4, 91b;                            \
    li   x10, 0;                                 \
    li   x17, 0;                                 \
    ecall

// The signature: begins and ends on 16 bytes, in memory that can be written.
#define RVMODEL_DATA_BEGIN .balign 16; .globl begin_signature; begin_signature:
#define RVMODEL_DATA_END   .balign 16; .globl end_signature; end_signature:

// No console and no interrupts.
#define RVMODEL_IO_INIT
#define RVMODEL_IO_CHECK()
#define RVMODEL_IO_WRITE_STR(scratch, text)
#define RVMODEL_IO_ASSERT_GPR_EQ(scratch, register, value)
#define RVMODEL_IO_ASSERT_SFPR_EQ(float_register, register, value)
#define RVMODEL_IO_ASSERT_DFPR_EQ(float_register, register, value)
#define RVMODEL_SET_MSW_INT
#define RVMODEL_CLEAR_MSW_INT
#define RVMODEL_CLEAR_MTIMER_INT
#define RVMODEL_CLEAR_MEXT_INT

#endif
