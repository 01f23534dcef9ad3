// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {BatchHeader, BatchRecord, ISettlement, Withdrawal} from "../src/interfaces/ISettlement.sol";
import {TestToken} from "../src/testing/TestToken.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";
import {FalseToken, FeeToken, LyingToken, RebasingToken, ReentrantToken, SilentToken} from "./support/Tokens.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// Deposits and claims: what moves, and one refusal per check.
contract SettlementMoneyTest is SettlementFixture {
    address internal carol = person("carol");

    // --- deposits ---

    function test_deposit_moves_exactly_the_amount_and_waits_in_the_queue() external {
        uint256 before = token.balanceOf(alice);
        uint64 requestId = depositFor(alice, 100e6);
        checkEq(requestId, 2, "after signers and market");
        checkEq(before - token.balanceOf(alice), 100e6, "paid by alice");
        checkEq(token.balanceOf(address(settlement)), 100e6, "held");
        checkEq(settlement.assets_e6(), 100e6, "assets");
        checkEq(settlement.pendingDeposits_e6(), 100e6, "pending");
    }

    function test_owners_get_account_numbers_in_the_order_of_their_first_deposit() external {
        depositFor(bob, 10e6);
        depositFor(alice, 10e6);
        depositFor(bob, 10e6);
        checkEq(settlement.accountOf(bob), 2, "bob");
        checkEq(settlement.accountOf(alice), 3, "alice");
        checkEq(settlement.accountOf(carol), 0, "carol has none");
        checkEq(settlement.accountCount(), 4, "count");
    }

    function test_anyone_may_deposit_for_an_owner() external {
        vm.prank(bob);
        settlement.deposit(carol, 0, 10e6);
        checkEq(settlement.accountOf(carol), 2, "carol's account");
        checkEq(settlement.accountOf(bob), 0, "bob only paid");
    }

    function test_deposit_without_owner_is_refused() external {
        depositRefused(address(0), 0, 10e6, abi.encodeWithSelector(ISettlement.OwnerZero.selector));
    }

    function test_deposit_to_a_sub_account_is_refused() external {
        depositRefused(alice, 1, 10e6, abi.encodeWithSelector(ISettlement.SubAccountUnsupported.selector, 1));
    }

    function test_zero_amount_is_refused() external {
        depositRefused(alice, 0, 0, abi.encodeWithSelector(ISettlement.AmountZero.selector));
        vm.expectRevert(ISettlement.AmountZero.selector);
        settlement.fundInsurance(0);
    }

    function test_zero_amount_is_refused_without_a_minimum_too() external {
        Settlement.Config memory open = config();
        open.depositMin_e6 = 0;
        settlement = new Settlement(open, signersBody(), marketBodies(1));
        depositRefused(alice, 0, 0, abi.encodeWithSelector(ISettlement.AmountZero.selector));
    }

    function test_amount_below_the_minimum_is_refused() external {
        bytes memory refusal = abi.encodeWithSelector(ISettlement.AmountTooSmall.selector, MIN_E6, MIN_E6 - 1);
        depositRefused(alice, 0, MIN_E6 - 1, refusal);
    }

    function test_amount_over_the_maximum_is_refused() external {
        bytes memory refusal = abi.encodeWithSelector(ISettlement.AmountTooLarge.selector, 2 ** 56, 2 ** 56 + 1);
        fundUser(alice, 2 ** 57); // so that nothing but the maximum refuses
        depositRefused(alice, 0, 2 ** 56 + 1, refusal);
        depositFor(alice, 2 ** 56);
    }

    function test_deposit_without_allowance_is_refused() external {
        token.mint(carol, 10e6);
        vm.expectRevert();
        vm.prank(carol);
        settlement.deposit(carol, 0, 10e6);
    }

    function test_deposits_end_when_account_numbers_run_out() external {
        CrowdedSettlement crowded = new CrowdedSettlement(config(), signersBody(), marketBodies(1));
        settlement = crowded;
        fundUser(alice, 1e9);
        crowded.setAccountCount(2 ** 23 - 1);
        depositFor(alice, 10e6);
        checkEq(settlement.accountOf(alice), 2 ** 23 - 1, "last number");
        depositRefused(bob, 0, 10e6, abi.encodeWithSelector(ISettlement.AccountsExhausted.selector, 2 ** 23));
        depositFor(alice, 10e6); // those who have a number go on
    }

    function test_fund_contribution_is_open_to_all_and_counts_as_assets() external {
        vm.prank(bob);
        settlement.fundInsurance(50e6);
        checkEq(settlement.assets_e6(), 50e6, "assets");
        checkEq(settlement.pendingDeposits_e6(), 50e6, "pending");
        checkEq(settlement.accountOf(bob), 0, "no account");
    }

    function test_donation_does_not_raise_assets() external {
        depositFor(alice, 100e6);
        vm.prank(bob);
        check(token.transfer(address(settlement), 7e6), "donation");
        checkEq(settlement.assets_e6(), 100e6, "assets");
        BatchHeader memory header = nextHeader();
        header.liabilities_e6 = 100e6 + 1;
        submitRefused(header, abi.encodeWithSelector(ISettlement.Insolvent.selector, 100e6, 100e6 + 1));
    }

    // --- tokens that misbehave (52-55) ---

    function test_fee_on_transfer_token_is_refused() external {
        useToken(new FeeToken());
        depositRefused(alice, 0, 100e6, abi.encodeWithSelector(ISettlement.TransferInexact.selector, 100e6, 99e6));
    }

    function test_rebasing_token_is_refused_when_amounts_do_not_match() external {
        RebasingToken rebasing = new RebasingToken();
        useToken(rebasing);
        rebasing.rebase(1_010_000);
        depositRefused(alice, 0, 100e6, abi.encodeWithSelector(ISettlement.TransferInexact.selector, 100e6, 101e6));
    }

    function test_token_that_returns_false_is_refused() external {
        useToken(new FalseToken());
        bytes memory refusal = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token);
        depositRefused(alice, 0, 100e6, refusal);
    }

    function test_token_that_moves_nothing_is_refused() external {
        useToken(new LyingToken());
        depositRefused(alice, 0, 100e6, abi.encodeWithSelector(ISettlement.TransferInexact.selector, 100e6, 0));
    }

    function test_token_that_returns_nothing_works() external {
        useToken(TestToken(address(new SilentToken())));
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0));
        checkEq(token.balanceOf(carol), 30e6, "paid");
    }

    function test_claim_in_a_fee_token_is_refused_and_stays_claimable() external {
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        bytes memory honest = address(token).code;
        vm.etch(address(token), address(new TakingToken()).code);
        claimRefused(
            header, leaves[0], leaves, abi.encodeWithSelector(ISettlement.TransferInexact.selector, 30e6, 60e6)
        );
        check(!settlement.isClaimed(0), "still open");
        vm.etch(address(token), honest);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0));
    }

    function test_reentering_from_a_deposit_is_refused() external {
        ReentrantToken reentrant = new ReentrantToken();
        useToken(reentrant);
        BatchHeader memory header = nextHeader();
        bytes[3] memory calls = [
            abi.encodeCall(ISettlement.deposit, (alice, 0, 10e6)),
            abi.encodeCall(ISettlement.fundInsurance, (10e6)),
            abi.encodeCall(ISettlement.submitBatch, (header, PROGRAM, prove(header)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            reentrant.arm(address(settlement), calls[i]);
            depositFor(alice, 10e6);
            check(!reentrant.succeeded(), "inner call failed");
            checkEq(bytes4(reentrant.returned()), ISettlement.Reentered.selector, "reason");
        }
        checkEq(settlement.assets_e6(), 30e6, "only the outer deposits");
    }

    function test_reentering_from_a_claim_pays_once() external {
        ReentrantToken reentrant = new ReentrantToken();
        useToken(reentrant);
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        bytes memory again =
            abi.encodeCall(ISettlement.claimWithdrawal, (1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0)));
        reentrant.arm(address(settlement), again);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0));
        check(!reentrant.succeeded(), "inner claim failed");
        checkEq(bytes4(reentrant.returned()), ISettlement.Reentered.selector, "reason");
        checkEq(token.balanceOf(carol), 30e6, "paid once");
    }

    // --- claims (58-62) ---

    function test_claim_pays_the_recipient_whoever_calls() external {
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        checkEq(settlement.unclaimed_e6(), 30e6, "unclaimed");
        vm.expectEmit(address(settlement));
        emit ISettlement.WithdrawalClaimed(0, carol, 30e6);
        vm.prank(bob);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0));
        checkEq(token.balanceOf(carol), 30e6, "paid");
        checkEq(settlement.unclaimed_e6(), 0, "nothing unclaimed");
        checkEq(settlement.assets_e6(), 70e6, "assets");
        check(settlement.isClaimed(0), "claimed");
    }

    /// Bob's withdrawal waits, so the sums would cover a second payment to carol.
    function test_second_claim_is_refused() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = new Withdrawal[](2);
        leaves[0] = Withdrawal(0, carol, 30e6, 0);
        leaves[1] = Withdrawal(1, bob, 30e6, 0);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], treePath(1, leaves, 0));
        claimRefused(header, leaves[0], leaves, abi.encodeWithSelector(ISettlement.AlreadyClaimed.selector, 0));
    }

    function test_claim_in_another_batch_is_refused() external {
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        BatchRecord memory record = recordOf(header, 0);
        bytes32[] memory path = treePath(1, leaves, 0);
        BatchHeader memory next = nextHeader();
        submit(next);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RecordMismatch.selector, 2));
        settlement.claimWithdrawal(2, record, leaves[0], path);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RecordMismatch.selector, 3)); // not executed
        settlement.claimWithdrawal(3, record, leaves[0], path);
        vm.expectRevert(ISettlement.PathInvalid.selector); // true record of a batch without this leaf
        settlement.claimWithdrawal(2, recordOf(next, 1), leaves[0], path);
    }

    function test_leaf_of_one_batch_is_no_leaf_of_another() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = threeLeaves(0);
        submit(headerWith(leaves));
        BatchHeader memory copy = headerWith(threeLeaves(0)); // same leaves, hashed with the number of batch 1
        copy.withdrawalsRoot = treeRoot(1, leaves);
        submit(copy);
        bytes32[] memory path = treePath(1, leaves, 0);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(2, recordOf(copy, 3), leaves[0], path);
    }

    function test_altered_record_is_refused() external {
        depositFor(alice, 100e6);
        (BatchHeader memory header, Withdrawal[] memory leaves) = withdrawTo(carol, 30e6);
        BatchRecord memory record = recordOf(header, 0);
        Withdrawal[] memory forged = new Withdrawal[](1);
        forged[0] = Withdrawal(0, bob, 30e6, 0); // no more than is unclaimed
        record.withdrawalsRoot = treeRoot(1, forged);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RecordMismatch.selector, 1));
        settlement.claimWithdrawal(1, record, forged[0], new bytes32[](0));
        record = recordOf(header, 0);
        record.withdrawalFirst = 1;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RecordMismatch.selector, 1));
        settlement.claimWithdrawal(1, record, leaves[0], new bytes32[](0));
    }

    function test_altered_leaf_is_refused() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = threeLeaves(0);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        bytes memory refusal = abi.encodeWithSelector(ISettlement.PathInvalid.selector);
        Withdrawal memory leaf = leaves[0];
        claimRefused(header, Withdrawal(0, bob, leaf.amount_e6, leaf.salt), leaves, refusal);
        claimRefused(header, Withdrawal(0, leaf.recipient, leaf.amount_e6 + 1, leaf.salt), leaves, refusal);
        claimRefused(header, Withdrawal(0, leaf.recipient, leaf.amount_e6, bytes32(uint256(1))), leaves, refusal);
        claimRefused(header, Withdrawal(1, leaf.recipient, leaf.amount_e6, leaf.salt), leaves, refusal);
        claimRefused(header, Withdrawal(4, leaf.recipient, leaf.amount_e6, leaf.salt), leaves, refusal);
    }

    function test_index_before_the_batch_is_refused() external {
        depositFor(alice, 100e6);
        submit(headerWith(threeLeaves(0)));
        Withdrawal[] memory leaves = threeLeaves(3);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        BatchRecord memory record = recordOf(header, 3);
        Withdrawal memory leaf = leaves[0];
        leaf.index = 2;
        bytes32[] memory path = treePath(2, leaves, 0);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(2, record, leaf, path);
    }

    function test_node_presented_as_leaf_is_refused() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = threeLeaves(0);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        bytes32[] memory nodes = foldLayer(treeLeaves(1, leaves));
        bytes32[] memory path = new bytes32[](1); // the path a node would have
        path[0] = nodes[1];
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], path);
    }

    function test_short_and_long_paths_are_refused() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = threeLeaves(0);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        bytes32[] memory path = treePath(1, leaves, 2);
        bytes32[] memory short = new bytes32[](1);
        bytes32[] memory long = new bytes32[](3);
        (short[0], long[0], long[1]) = (path[0], path[0], path[1]);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[2], short);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[2], long);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[2], path);
    }

    function test_leaf_that_does_not_stand_at_its_index_is_refused() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = new Withdrawal[](1);
        leaves[0] = Withdrawal(1, carol, 30e6, 0); // the only leaf, so its index ought to be 0
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaves[0], new bytes32[](0));
    }

    function test_empty_list_has_nothing_to_claim() external {
        BatchHeader memory header = nextHeader();
        submit(header);
        vm.expectRevert(ISettlement.PathInvalid.selector);
        settlement.claimWithdrawal(1, recordOf(header, 0), Withdrawal(0, carol, 0, 0), new bytes32[](0));
    }

    function test_zero_filler_of_the_tree_is_no_leaf() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = threeLeaves(0);
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        claimRefused(
            header, Withdrawal(3, address(0), 0, 0), leaves, abi.encodeWithSelector(ISettlement.PathInvalid.selector)
        );
    }

    function testFuzz_every_leaf_of_a_batch_is_claimable_once(uint8 count, uint256 seed) external {
        count = uint8(clampTo(count, 1, 33));
        depositFor(alice, 1e12);
        Withdrawal[] memory leaves = new Withdrawal[](count);
        for (uint64 i = 0; i < count; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            leaves[i] = Withdrawal(i, address(uint160(draw | 1)), uint128(draw >> 160) % 1e9 + 1, bytes32(draw));
        }
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        for (uint64 i = 0; i < count; ++i) {
            settlement.claimWithdrawal(1, recordOf(header, 0), leaves[i], treePath(1, leaves, i));
            claimRefused(header, leaves[i], leaves, abi.encodeWithSelector(ISettlement.AlreadyClaimed.selector, i));
        }
        checkEq(settlement.unclaimed_e6(), 0, "all claimed");
        checkEq(token.balanceOf(address(settlement)), settlement.assets_e6(), "balance is assets");
    }

    // --- helpers ---

    function depositRefused(address owner, uint16 subAccount, uint128 amount_e6, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        vm.prank(alice);
        settlement.deposit(owner, subAccount, amount_e6);
    }

    function withdrawTo(address recipient, uint128 amount_e6)
        internal
        returns (BatchHeader memory header, Withdrawal[] memory leaves)
    {
        leaves = new Withdrawal[](1);
        leaves[0] = Withdrawal(0, recipient, amount_e6, 0);
        header = headerWith(leaves);
        submit(header);
    }

    function threeLeaves(uint64 first) internal view returns (Withdrawal[] memory leaves) {
        leaves = new Withdrawal[](3);
        leaves[0] = Withdrawal(first, carol, 10e6, 0);
        leaves[1] = Withdrawal(first + 1, alice, 11e6, 0);
        leaves[2] = Withdrawal(first + 2, bob, 12e6, 0);
    }

    /// Claims against batch 1 with the true path of the leaf's position (clipped to the tree).
    function claimRefused(
        BatchHeader memory header,
        Withdrawal memory leaf,
        Withdrawal[] memory leaves,
        bytes memory refusal
    ) internal {
        bytes32[] memory path = treePath(1, leaves, leaf.index % treeLeaves(1, leaves).length);
        vm.expectRevert(refusal);
        settlement.claimWithdrawal(1, recordOf(header, 0), leaf, path);
    }
}

/// A settlement with many owners.
contract CrowdedSettlement is Settlement {
    constructor(Config memory config, bytes memory signers, bytes[] memory markets)
        Settlement(config, signers, markets)
    {}

    function setAccountCount(uint32 count) external {
        accountCount = count;
    }
}

/// Takes twice what it was asked to move out.
contract TakingToken is TestToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        _transfer(msg.sender, address(0xdead), amount);
        return super.transfer(to, amount);
    }
}
