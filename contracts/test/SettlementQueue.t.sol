// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader, ISettlement} from "../src/interfaces/ISettlement.sol";
import {PriorityQueue} from "../src/libraries/PriorityQueue.sol";
import {Base} from "./Base.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";

/// The bytes of requests and the prefix hashes the guest recomputes.
contract SettlementQueueTest is SettlementFixture {
    /// The definition of the prefix hash, written out once more.
    function step(bytes32 prefix, uint8 kind, address sender, bytes memory body) internal view returns (bytes32) {
        return keccak256(bytes.concat(prefix, bytes1(kind), bytes20(sender), bytes8(uint64(block.timestamp)), body));
    }

    function setupPrefix() internal view returns (bytes32 prefix) {
        prefix = step(0, 53, address(settlement), signersBody());
        prefix = step(prefix, 50, address(settlement), marketBody(0));
    }

    function test_constructor_queues_signers_then_markets() external view {
        (uint64 head, uint64 tail, bytes32 prefix) = settlement.queue();
        checkEq(head, 0, "head");
        checkEq(tail, 2, "tail");
        checkEq(prefix, setupPrefix(), "prefix");
        checkEq(settlement.prefixAt(0), 0, "empty prefix");
        checkEq(settlement.prefixAt(1), step(0, 53, address(settlement), signersBody()), "first prefix");
    }

    function test_deposit_entry_is_103_bytes_and_names_payer_owner_and_account() external {
        vm.warp(START + 5);
        bytes32 before = settlement.prefixAt(2);
        bytes memory body =
            bytes.concat(bytes20(alice), bytes4(uint32(2)), bytes2(uint16(0)), bytes16(uint128(123_456_789)));
        checkEq(32 + 1 + 20 + 8 + body.length, 103, "bytes of one entry");
        bytes32 expected = step(before, 20, bob, body);
        vm.expectEmit(address(settlement));
        emit ISettlement.RequestAdded(2, 20, alice, bob, uint64(START + 5), body, expected);
        vm.prank(bob);
        settlement.deposit(alice, 0, 123_456_789);
        checkEq(settlement.prefixAt(3), expected, "prefix");
    }

    function test_fund_contribution_entry_holds_the_amount() external {
        bytes memory body = bytes.concat(bytes16(uint128(77e6)));
        bytes32 expected = step(settlement.prefixAt(2), 55, bob, body);
        vm.expectEmit(address(settlement));
        emit ISettlement.RequestAdded(2, 55, address(0), bob, uint64(block.timestamp), body, expected);
        vm.prank(bob);
        settlement.fundInsurance(77e6);
        checkEq(settlement.prefixAt(3), expected, "prefix");
    }

    function test_prefixes_before_the_head_and_beyond_the_tail_are_not_served() external {
        submit(nextHeader());
        vm.expectRevert(abi.encodeWithSelector(ISettlement.PriorityOutOfRange.selector, 2, 2, 1));
        settlement.prefixAt(1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.PriorityOutOfRange.selector, 2, 2, 3));
        settlement.prefixAt(3);
    }

    function testFuzz_pending_money_is_the_sum_of_unprocessed_requests(uint8[8] calldata amounts, uint8 taken)
        external
    {
        taken = uint8(clampTo(taken, 0, 8));
        uint256 pending = 0;
        for (uint256 i = 0; i < 8; ++i) {
            uint128 amount_e6 = MIN_E6 + amounts[i];
            depositFor(i % 3 == 0 ? bob : alice, amount_e6);
            if (i >= taken) pending += amount_e6;
        }
        BatchHeader memory header = nextHeader();
        header.priorityCount = 2 + taken;
        header.priorityHash = settlement.prefixAt(2 + taken);
        header.liabilities_e6 = 0;
        submit(header);
        checkEq(settlement.pendingDeposits_e6(), pending, "pending");
    }
}

/// The ring by itself: full, empty, and around the corner.
contract PriorityQueueTest is Base {
    using PriorityQueue for PriorityQueue.Queue;

    PriorityQueue.Queue internal queue;

    function push() external returns (uint64 requestId, bytes32 prefixHash) {
        return queue.push(20, address(this), "body", 1);
    }

    function pop(uint64 count, bytes32 prefixHash) external {
        queue.pop(count, prefixHash);
    }

    function fill(uint64 count) internal {
        for (uint64 i = 0; i < count; ++i) {
            this.push();
        }
    }

    function test_open_requests_fill_three_quarters_of_the_ring_and_no_more() external {
        vm.pauseGasMetering();
        fill(12_288);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RingFull.selector, 12_288));
        this.push();
        this.pop(1, queue.prefixAt(1));
        this.push();
        checkEq(queue.tail, 12_289, "room again");
    }

    function test_ring_keeps_all_live_entries_when_it_wraps() external {
        vm.pauseGasMetering();
        fill(12_000);
        this.pop(11_999, queue.prefixAt(11_999));
        bytes32 prefix = queue.prefixAt(12_000);
        for (uint64 i = 12_000; i < 20_000; ++i) {
            prefix = keccak256(
                bytes.concat(prefix, hex"14", bytes20(address(this)), bytes8(uint64(block.timestamp)), "body")
            );
            (uint64 requestId, bytes32 found) = this.push();
            checkEq(requestId, i, "number");
            checkEq(found, prefix, "prefix");
        }
        checkEq(queue.moneyPending(), 8001, "money of the live entries");
        this.pop(20_000, prefix);
        checkEq(queue.moneyPending(), 0, "empty");
    }
}
