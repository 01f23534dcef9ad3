// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {BatchHeader, ISettlement, Withdrawal} from "../src/interfaces/ISettlement.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";

/// submitBatch: what is accepted, and one refusal per check.
contract SettlementBatchTest is SettlementFixture {
    function test_true_batch_moves_state_counters_and_queue() external {
        depositFor(alice, 100e6);
        BatchHeader memory header = nextHeader();
        submit(header);
        Settlement.Progress memory progress = settlement.progress();
        checkEq(progress.stateHash, header.newStateHash, "state hash");
        checkEq(progress.batchNumber, 1, "batch number");
        checkEq(progress.lastSeq, header.seqLast, "last sequence number");
        checkEq(progress.lastTimeMs, header.timeMs, "last time");
        (uint64 head, uint64 tail,) = settlement.queue();
        checkEq(head, 3, "signers, market and deposit processed");
        checkEq(tail, 3, "tail");
        checkEq(settlement.pendingDeposits_e6(), 0, "nothing pending");
        checkEq(settlement.recordHash(1), keccak256(abi.encode(recordOf(header, 0))), "record");
    }

    function test_batch_event_carries_header_and_what_claims_need() external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        vm.expectEmit(address(settlement));
        emit ISettlement.BatchExecuted(1, header, PROGRAM, uint64(block.timestamp), 0);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, proof);
    }

    function test_batches_follow_each_other() external {
        for (uint64 i = 1; i <= 5; ++i) {
            depositFor(i % 2 == 0 ? alice : bob, 20e6);
            submit(nextHeader());
            checkEq(settlement.progress().batchNumber, i, "batch number");
            vm.warp(block.timestamp + 30);
        }
    }

    function test_batch_may_take_a_part_of_the_queue() external {
        depositFor(alice, 100e6);
        BatchHeader memory header = nextHeader();
        header.priorityCount = 1;
        header.priorityHash = settlement.prefixAt(1);
        header.liabilities_e6 = 0;
        submit(header);
        checkEq(settlement.pendingDeposits_e6(), 100e6, "deposit still pending");
        submit(nextHeader());
        checkEq(settlement.pendingDeposits_e6(), 0, "deposit processed");
    }

    function test_batch_may_take_nothing_from_the_queue() external {
        BatchHeader memory header = nextHeader();
        (header.priorityCount, header.priorityHash) = (0, 0);
        submit(header);
        (uint64 head,,) = settlement.queue();
        checkEq(head, 0, "head");
    }

    // --- operator, number, root (1-4) ---

    function test_only_the_operator_submits() external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Unauthorized.selector, alice));
        vm.prank(alice);
        settlement.submitBatch(header, PROGRAM, proof);
    }

    function test_wrong_batch_number_is_refused() external {
        BatchHeader memory header = nextHeader();
        header.batchNumber = 2;
        submitRefused(header, abi.encodeWithSelector(ISettlement.BatchNumberMismatch.selector, 1, 2));
        header.batchNumber = 0;
        submitRefused(header, abi.encodeWithSelector(ISettlement.BatchNumberMismatch.selector, 1, 0));
    }

    function test_replayed_batch_is_refused() external {
        BatchHeader memory header = nextHeader();
        submit(header);
        submitRefused(header, abi.encodeWithSelector(ISettlement.BatchNumberMismatch.selector, 2, 1));
    }

    function test_batch_from_another_root_is_refused() external {
        BatchHeader memory header = nextHeader();
        header.prevStateHash = keccak256("elsewhere");
        submitRefused(
            header, abi.encodeWithSelector(ISettlement.StateHashMismatch.selector, GENESIS, header.prevStateHash)
        );
    }

    // --- time (5-7) ---

    function test_time_must_increase() external {
        submit(nextHeader());
        uint64 last = settlement.progress().lastTimeMs;
        BatchHeader memory header = nextHeader();
        header.timeMs = last;
        submitRefused(header, timeError(last + 1, nowMs() + 30_000, last));
        header.timeMs = last + 1;
        submit(header);
    }

    function test_time_may_lead_by_thirty_seconds_and_no_more() external {
        BatchHeader memory header = nextHeader();
        header.timeMs = nowMs() + 30_001;
        submitRefused(header, timeError(nowMs() - 7 days * 1000, nowMs() + 30_000, header.timeMs));
        header.timeMs = nowMs() + 30_000;
        submit(header);
    }

    function test_time_may_lag_by_seven_days_and_no_more() external {
        BatchHeader memory header = nextHeader();
        header.timeMs = nowMs() - 7 days * 1000 - 1;
        submitRefused(header, timeError(header.timeMs + 1, nowMs() + 30_000, header.timeMs));
        header.timeMs += 1;
        submit(header);
    }

    // --- sequence (8, 9) ---

    function test_sequence_gap_is_refused() external {
        submit(nextHeader());
        BatchHeader memory header = nextHeader();
        header.seqFirst += 1;
        submitRefused(header, abi.encodeWithSelector(ISettlement.SequenceGap.selector, 11, 12));
    }

    function test_sequence_overlap_is_refused() external {
        submit(nextHeader());
        BatchHeader memory header = nextHeader();
        header.seqFirst -= 1;
        submitRefused(header, abi.encodeWithSelector(ISettlement.SequenceGap.selector, 11, 10));
    }

    function test_sequence_must_not_run_backwards() external {
        submit(nextHeader());
        BatchHeader memory header = nextHeader();
        header.seqLast = 9;
        submitRefused(header, abi.encodeWithSelector(ISettlement.SequenceGap.selector, 10, 9));
    }

    // --- queue (10-12) ---

    function test_priority_count_beyond_tail_is_refused() external {
        BatchHeader memory header = nextHeader();
        (header.priorityCount, header.priorityHash) = (3, 0); // what the ring holds there
        submitRefused(header, abi.encodeWithSelector(ISettlement.PriorityOutOfRange.selector, 0, 2, 3));
    }

    function test_priority_count_below_head_is_refused() external {
        bytes32 prefix = settlement.prefixAt(1); // what the ring still holds there
        submit(nextHeader());
        BatchHeader memory header = nextHeader();
        (header.priorityCount, header.priorityHash) = (1, prefix);
        submitRefused(header, abi.encodeWithSelector(ISettlement.PriorityOutOfRange.selector, 2, 2, 1));
    }

    function test_priority_hash_of_another_prefix_is_refused() external {
        BatchHeader memory header = nextHeader();
        header.priorityHash = settlement.prefixAt(1);
        submitRefused(
            header,
            abi.encodeWithSelector(
                ISettlement.PriorityHashMismatch.selector, settlement.prefixAt(2), settlement.prefixAt(1)
            )
        );
    }

    // --- withdrawals and solvency (65, 66) ---

    function test_withdrawal_count_must_not_fall() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = new Withdrawal[](1);
        leaves[0] = Withdrawal(0, alice, 30e6, 0);
        submit(headerWith(leaves));
        BatchHeader memory header = nextHeader();
        header.withdrawalCount = 0;
        submitRefused(header, abi.encodeWithSelector(ISettlement.WithdrawalCountBelow.selector, 1, 0));
    }

    function test_insolvent_by_one_unit_is_refused() external {
        depositFor(alice, 100e6);
        BatchHeader memory header = nextHeader();
        (header.liabilities_e6, header.insurance_e6, header.fees_e6) = (70e6, 20e6, 10e6 + 1);
        submitRefused(header, abi.encodeWithSelector(ISettlement.Insolvent.selector, 100e6, 100e6 + 1));
        header.fees_e6 = 10e6;
        submit(header);
    }

    function test_withdrawals_and_pending_deposits_are_claims_too() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = new Withdrawal[](1);
        leaves[0] = Withdrawal(0, alice, 30e6, 0);
        BatchHeader memory header = headerWith(leaves);
        header.liabilities_e6 = 70e6 + 1;
        submitRefused(header, abi.encodeWithSelector(ISettlement.Insolvent.selector, 100e6, 100e6 + 1));
        header.liabilities_e6 = 70e6;
        submit(header);

        depositFor(bob, 50e6);
        header = nextHeader();
        header.priorityCount = 3;
        header.priorityHash = settlement.prefixAt(3);
        header.liabilities_e6 = 70e6 + 1; // 30 unclaimed and 50 pending on top
        submitRefused(header, abi.encodeWithSelector(ISettlement.Insolvent.selector, 150e6, 150e6 + 1));
    }

    function test_shortfall_is_netted_and_understating_it_is_refused() external {
        depositFor(alice, 100e6);
        BatchHeader memory header = nextHeader();
        (header.liabilities_e6, header.shortfall_e6) = (105e6, 5e6 - 1);
        submitRefused(header, abi.encodeWithSelector(ISettlement.Insolvent.selector, 100e6, 100e6 + 1));
        header.shortfall_e6 = 5e6;
        submit(header);
    }

    function test_shortfall_above_all_claims_is_no_underflow() external {
        BatchHeader memory header = nextHeader();
        header.shortfall_e6 = 1;
        submit(header);
    }

    // --- proof (38-41, 44, 46, 48, 49 at the seam) ---

    function test_other_program_is_refused() external {
        BatchHeader memory header = nextHeader();
        bytes32 other = keccak256("other program");
        bytes memory proof = verifier.prove(other, publicInputsHash(header)); // that the verifier would accept
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ProgramInactive.selector, other));
        vm.prank(operator);
        settlement.submitBatch(header, other, proof);
    }

    function test_proof_for_another_program_is_refused() external {
        BatchHeader memory header = nextHeader();
        proofRefused(header, verifier.prove(keccak256("other program"), publicInputsHash(header)));
    }

    function test_proof_for_another_chain_is_refused() external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        vm.chainId(block.chainid + 1);
        proofRefused(header, proof);
    }

    function test_proof_for_another_contract_is_refused() external {
        BatchHeader memory header = nextHeader();
        bytes32 hash = this.hashOf(header, uint64(block.chainid), address(this));
        proofRefused(header, verifier.prove(PROGRAM, hash));
    }

    function test_proof_of_one_batch_is_no_proof_of_the_next() external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        submit(header);
        proofRefused(nextHeader(), proof);
    }

    function test_empty_truncated_and_extended_proofs_are_refused() external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        proofRefused(header, "");
        proofRefused(header, bytes.concat(proof, hex"00"));
        assembly ("memory-safe") { mstore(proof, 31) }
        proofRefused(header, proof);
    }

    function test_verifier_that_reverts_is_heard() external {
        BatchHeader memory header = nextHeader();
        bytes memory reason = abi.encodeWithSignature("FieldElementOutOfRange(uint256)", 7);
        vm.mockCallRevert(address(verifier), abi.encodeWithSelector(verifier.verify.selector), reason);
        vm.expectRevert(reason);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, "");
    }

    /// Every field of the header is bound: the proof of a true batch does not serve a header that differs in one bit.
    /// Fields that the contract also checks itself are refused by that check.
    function testFuzz_one_bit_of_any_header_field_invalidates_the_proof(uint256 field, uint256 bit) external {
        depositFor(alice, 100e6);
        BatchHeader memory header = nextHeader();
        header.liabilities_e6 = 50e6; // so that a changed amount does not end in Insolvent
        bytes memory proof = prove(header);
        field = clampTo(field, 0, 26);
        bit = clampTo(bit, 0, fieldBits(field) - 1);
        assembly ("memory-safe") {
            let word := add(header, mul(32, field))
            mstore(word, xor(mload(word), shl(bit, 1)))
        }
        bool refusedEarlier = field <= 5 || field == 8 || field == 9 || field == 11;
        if (refusedEarlier) vm.expectRevert();
        else vm.expectRevert(ISettlement.ProofInvalid.selector);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, proof);
        checkEq(settlement.progress().stateHash, GENESIS, "state unchanged");
    }

    function fieldBits(uint256 field) internal pure returns (uint256) {
        if (field == 0 || field == 1 || field == 4 || field == 5 || field == 8 || field == 11 || field == 20) {
            return 64;
        }
        if (field >= 12 && field <= 16) return 128;
        if (field >= 21 && field <= 25) return 32;
        return field == 26 ? 8 : 256;
    }

    function proofRefused(BatchHeader memory header, bytes memory proof) internal {
        vm.expectRevert(ISettlement.ProofInvalid.selector);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, proof);
    }

    function timeError(uint64 min, uint64 max, uint64 provided) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISettlement.TimeOutOfRange.selector, min, max, provided);
    }

    function nowMs() internal view returns (uint64) {
        return uint64(block.timestamp) * 1000;
    }
}
