// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {BatchHeader, BatchRecord, Withdrawal} from "../src/interfaces/ISettlement.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";

/// Random users, an honest engine, and a cheating operator whose attempts must all fail. Keeps its own books.
contract SettlementHandler is SettlementFixture {
    struct Executed {
        BatchHeader header;
        BatchRecord record;
        Withdrawal[] leaves;
        uint256 claimed_e6;
    }

    Executed[] internal executed;
    bytes32[] internal prefixes; // after each request, recomputed here
    uint128[] internal requestMoney_e6;
    uint64[] public claimedIndexes;
    uint256 public depositsSum_e6;
    uint256 public claimsSum_e6;
    uint256 public owedToUsers_e6; // what the engine holds for accounts
    bytes32 public stateHash = GENESIS;
    uint64 public batchNumber;
    uint64 public seq;
    uint64 public timeMs;
    uint256 public cheatsAccepted;
    mapping(string action => uint256) public done;

    constructor() {
        setUp();
        note(53, address(settlement), signersBody(), 0);
        note(50, address(settlement), marketBody(0), 0);
    }

    function exchange() external view returns (Settlement) {
        return settlement;
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(settlement));
    }

    // --- actions ---

    function deposit(uint256 user, uint128 amount_e6) external {
        address owner = user % 2 == 0 ? alice : bob;
        amount_e6 = uint128(clampTo(amount_e6, MIN_E6, 1e10));
        depositFor(owner, amount_e6);
        depositsSum_e6 += amount_e6;
        uint32 account = settlement.accountOf(owner);
        note(20, owner, bytes.concat(bytes20(owner), bytes4(account), bytes2(0), bytes16(amount_e6)), amount_e6);
        ++done["deposit"];
    }

    function fundInsurance(uint128 amount_e6) external {
        amount_e6 = uint128(clampTo(amount_e6, MIN_E6, 1e10));
        vm.prank(bob);
        settlement.fundInsurance(amount_e6);
        depositsSum_e6 += amount_e6;
        note(55, bob, bytes.concat(bytes16(amount_e6)), amount_e6);
        ++done["fund"];
    }

    function donate(uint128 amount_e6) external {
        amount_e6 = uint128(clampTo(amount_e6, 1, 1e6));
        vm.prank(alice);
        check(token.transfer(address(settlement), amount_e6), "donation");
    }

    function pass(uint32 secondsPassed) external {
        vm.warp(block.timestamp + clampTo(secondsPassed, 1, 1 days));
    }

    /// A true batch: takes some requests, credits their money, pays some of it out.
    function executeBatch(uint64 take, uint8 withdrawals, uint256 seed) external {
        (uint64 head, uint64 tail,) = settlement.queue();
        uint64 count = head + uint64(clampTo(take, 0, tail - head));
        uint256 owed_e6 = owedToUsers_e6;
        for (uint64 i = head; i < count; ++i) {
            owed_e6 += requestMoney_e6[i];
        }
        (Withdrawal[] memory leaves, uint256 paid_e6) = drawWithdrawals(clampTo(withdrawals, 0, 4), owed_e6, seed);

        BatchHeader memory header = headerWith(leaves);
        header.priorityCount = count;
        header.priorityHash = count == 0 ? bytes32(0) : prefixes[count - 1];
        header.liabilities_e6 = uint128(owed_e6 - paid_e6);
        uint64 withdrawalFirst = settlement.progress().withdrawalCount;
        submit(header);

        owedToUsers_e6 = owed_e6 - paid_e6;
        Executed storage batch = executed.push();
        batch.header = header;
        batch.record = recordOf(header, withdrawalFirst);
        for (uint256 i = 0; i < leaves.length; ++i) {
            batch.leaves.push(leaves[i]);
        }
        (stateHash, batchNumber) = (header.newStateHash, header.batchNumber);
        check(header.seqLast >= seq && header.timeMs > timeMs, "counters rise");
        (seq, timeMs) = (header.seqLast, header.timeMs);
        ++done["batch"];
    }

    function claim(uint256 batchPick, uint256 leafPick) external {
        if (executed.length == 0) return;
        Executed storage batch = executed[batchPick % executed.length];
        if (batch.leaves.length == 0) return;
        uint256 position = leafPick % batch.leaves.length;
        Withdrawal memory leaf = batch.leaves[position];
        uint64 number = batch.header.batchNumber;
        bytes32[] memory path = treePath(number, batch.leaves, position);
        bool before = settlement.isClaimed(leaf.index);
        try settlement.claimWithdrawal(number, batch.record, leaf, path) {
            check(!before, "claimed twice");
            claimsSum_e6 += leaf.amount_e6;
            batch.claimed_e6 += leaf.amount_e6;
            claimedIndexes.push(leaf.index);
            ++done["claim"];
        } catch {
            check(before, "true claim refused");
        }
    }

    /// A batch that lies in one place, with a proof of a true one: none may be executed.
    function cheat(uint8 field, uint256 difference) external {
        BatchHeader memory header = nextHeader();
        bytes memory proof = prove(header);
        uint256 word = clampTo(field, 0, 26);
        difference = clampTo(difference, 1, 255);
        assembly ("memory-safe") {
            let slot := add(header, mul(32, word))
            mstore(slot, xor(mload(slot), difference))
        }
        vm.prank(operator);
        try settlement.submitBatch(header, PROGRAM, proof) {
            ++cheatsAccepted;
        } catch {
            ++done["cheat"];
        }
    }

    // --- what the invariants compare with ---

    function requestCount() external view returns (uint256) {
        return prefixes.length;
    }

    function prefixAt(uint64 count) external view returns (bytes32) {
        return count == 0 ? bytes32(0) : prefixes[count - 1];
    }

    function batchCount() external view returns (uint256) {
        return executed.length;
    }

    function claimedOf(uint256 batch) external view returns (uint256 claimed_e6, uint256 total_e6) {
        return (executed[batch].claimed_e6, executed[batch].header.withdrawalTotal_e6);
    }

    function claimCount() external view returns (uint256) {
        return claimedIndexes.length;
    }

    function note(uint8 kind, address sender, bytes memory body, uint128 money_e6) internal {
        bytes32 last = prefixes.length == 0 ? bytes32(0) : prefixes[prefixes.length - 1];
        bytes memory entry = bytes.concat(last, bytes1(kind), bytes20(sender), bytes8(uint64(block.timestamp)), body);
        prefixes.push(keccak256(entry));
        requestMoney_e6.push(money_e6);
    }

    function drawWithdrawals(uint256 count, uint256 owed_e6, uint256 seed)
        internal
        view
        returns (Withdrawal[] memory leaves, uint256 paid_e6)
    {
        leaves = new Withdrawal[](count);
        uint64 first = settlement.progress().withdrawalCount;
        for (uint64 i = 0; i < count; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint128 amount_e6 = uint128(clampTo(draw, 0, (owed_e6 - paid_e6) / 2));
            leaves[i] = Withdrawal(first + i, draw % 2 == 0 ? alice : bob, amount_e6, bytes32(draw));
            paid_e6 += amount_e6;
        }
    }
}

/// I1-I3 and I5-I8 of the settlement document.
contract SettlementInvariantTest is SettlementFixture {
    SettlementHandler internal handler;

    function setUp() public override {
        vm.warp(START);
        handler = new SettlementHandler();
        settlement = handler.exchange();
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](7);
        actions[0] = SettlementHandler.deposit.selector;
        actions[1] = SettlementHandler.fundInsurance.selector;
        actions[2] = SettlementHandler.donate.selector;
        actions[3] = SettlementHandler.pass.selector;
        actions[4] = SettlementHandler.executeBatch.selector;
        actions[5] = SettlementHandler.claim.selector;
        actions[6] = SettlementHandler.cheat.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    function invariant_balance_covers_assets() external view {
        check(handler.held() >= settlement.assets_e6(), "I1: balance below assets");
    }

    function invariant_assets_are_deposits_less_claims() external view {
        checkEq(settlement.assets_e6(), handler.depositsSum_e6() - handler.claimsSum_e6(), "I2");
    }

    function invariant_assets_cover_all_claims() external view {
        uint256 claims = handler.owedToUsers_e6() + settlement.unclaimed_e6() + settlement.pendingDeposits_e6();
        checkEq(settlement.assets_e6(), claims, "I3: with no fees or fund, exactly");
    }

    function invariant_counters_are_those_of_the_last_true_batch() external view {
        Settlement.Progress memory progress = settlement.progress();
        checkEq(progress.batchNumber, handler.batchNumber(), "I5: batch number");
        checkEq(progress.batchNumber, handler.batchCount(), "I5: batches executed");
        checkEq(progress.lastSeq, handler.seq(), "I5: sequence");
        checkEq(progress.lastTimeMs, handler.timeMs(), "I5: time");
    }

    function invariant_prefix_of_every_live_entry_recomputes() external view {
        (uint64 head, uint64 tail,) = settlement.queue();
        check(head <= tail, "I6: head beyond tail");
        checkEq(tail, handler.requestCount(), "I6: requests");
        for (uint64 count = head; count <= tail; ++count) {
            checkEq(settlement.prefixAt(count), handler.prefixAt(count), "I6: prefix");
        }
    }

    function invariant_state_changes_only_by_true_batches() external view {
        checkEq(settlement.progress().stateHash, handler.stateHash(), "I7");
        checkEq(handler.cheatsAccepted(), 0, "I7: cheats accepted");
    }

    function invariant_claims_never_exceed_a_batch_and_never_reopen() external view {
        for (uint256 i = 0; i < handler.batchCount(); ++i) {
            (uint256 claimed_e6, uint256 total_e6) = handler.claimedOf(i);
            check(claimed_e6 <= total_e6, "I8: claims above the batch's total");
        }
        for (uint256 i = 0; i < handler.claimCount(); ++i) {
            check(settlement.isClaimed(handler.claimedIndexes(i)), "I8: claim reopened");
        }
    }

    /// The random walk must get somewhere, else the invariants say nothing.
    function test_handler_reaches_batches_and_claims() external {
        handler.deposit(0, 5e9);
        handler.executeBatch(3, 4, 1);
        handler.claim(0, 1);
        handler.claim(0, 1);
        handler.cheat(3, 1);
        checkEq(handler.done("claim"), 1, "claims");
        checkEq(handler.done("cheat"), 1, "refused cheats");
        checkEq(settlement.progress().batchNumber, 1, "batches");
    }
}
