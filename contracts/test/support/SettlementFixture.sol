// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../../src/Settlement.sol";
import {BatchHeader, BatchRecord, Withdrawal} from "../../src/interfaces/ISettlement.sol";
import {PublicInputs} from "../../src/libraries/PublicInputs.sol";
import {TestToken} from "../../src/testing/TestToken.sol";
import {Base} from "../Base.sol";
import {TestVerifier} from "./TestVerifier.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// A deployed exchange with one market, an operator, two users, and honest batches to order.
abstract contract SettlementFixture is Base {
    uint256 internal constant START = 1_790_000_000; // seconds
    uint128 internal constant MIN_E6 = 10e6;
    bytes32 internal constant PROGRAM = keccak256("program");
    bytes32 internal constant GENESIS = keccak256("genesis");

    address internal operator = person("operator");
    address internal alice = person("alice");
    address internal bob = person("bob");
    TestVerifier internal verifier;
    TestToken internal token;
    Settlement internal settlement;

    function setUp() public virtual {
        vm.warp(START);
        verifier = new TestVerifier();
        useToken(new TestToken());
    }

    /// Deploys a fresh settlement for this token and gives both users money.
    function useToken(TestToken token_) internal {
        token = token_;
        settlement = new Settlement(config(), signersBody(), marketBodies(1));
        fundUser(alice, 1e15);
        fundUser(bob, 1e15);
    }

    function config() internal view returns (Settlement.Config memory) {
        return Settlement.Config({
            token: IERC20Metadata(address(token)),
            verifier: verifier,
            programId: PROGRAM,
            genesisStateHash: GENESIS,
            operator: operator,
            depositMin_e6: MIN_E6
        });
    }

    function fundUser(address user, uint256 amount_e6) internal {
        token.mint(user, amount_e6);
        vm.prank(user);
        (bool approved,) = address(token)
            .call( // not every token returns something
                abi.encodeCall(token.approve, (address(settlement), type(uint256).max))
            );
        check(approved, "approval");
    }

    function depositFor(address user, uint128 amount_e6) internal returns (uint64) {
        vm.prank(user);
        return settlement.deposit(user, 0, amount_e6);
    }

    // --- engine bytes ---

    /// One signer of one: k, n, set number, zero, address, zero.
    function signersBody() internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), uint8(1), uint16(0x0100), uint32(0), address(0xbeef), uint32(0));
    }

    function marketBody(uint16 market) internal pure returns (bytes memory) {
        bytes memory image = new bytes(256);
        image[0] = 0x01;
        return abi.encodePacked(uint8(market), uint8(market >> 8), bytes6(0), image);
    }

    function marketBodies(uint16 count) internal pure returns (bytes[] memory bodies) {
        bodies = new bytes[](count);
        for (uint16 i = 0; i < count; ++i) {
            bodies[i] = marketBody(i);
        }
    }

    // --- batches ---

    /// The next true batch: takes the whole queue, changes the state, withdraws nothing, owes users everything.
    function nextHeader() internal view returns (BatchHeader memory header) {
        Settlement.Progress memory last = settlement.progress();
        (, uint64 tail, bytes32 prefixHash) = settlement.queue();
        header.batchNumber = last.batchNumber + 1;
        header.timeMs = uint64(block.timestamp) * 1000 + last.batchNumber;
        header.prevStateHash = last.stateHash;
        header.newStateHash = keccak256(abi.encode("state", last.batchNumber + 1));
        header.seqFirst = last.lastSeq + 1;
        header.seqLast = last.lastSeq + 10;
        header.receiptHead = keccak256(abi.encode("chain", last.batchNumber + 1));
        header.priorityCount = tail;
        header.priorityHash = prefixHash;
        header.withdrawalCount = last.withdrawalCount;
        header.liabilities_e6 = settlement.assets_e6() - settlement.unclaimed_e6();
    }

    function publicInputsHash(BatchHeader memory header) internal view returns (bytes32) {
        return this.hashOf(header, uint64(block.chainid), address(settlement));
    }

    function hashOf(BatchHeader calldata header, uint64 chain, address exchange) external pure returns (bytes32) {
        return PublicInputs.hash(header, chain, exchange);
    }

    function prove(BatchHeader memory header) internal view returns (bytes memory) {
        return verifier.prove(PROGRAM, publicInputsHash(header));
    }

    /// Submits with a true proof of exactly this header.
    function submit(BatchHeader memory header) internal {
        bytes memory proof = prove(header);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, proof);
    }

    /// Submits with a true proof of exactly this header and demands this refusal and no other.
    function submitRefused(BatchHeader memory header, bytes memory refusal) internal {
        bytes memory proof = prove(header);
        vm.expectRevert(refusal);
        vm.prank(operator);
        settlement.submitBatch(header, PROGRAM, proof);
    }

    // --- withdrawals ---

    /// A batch with these withdrawals; the rest stays owed to users.
    function headerWith(Withdrawal[] memory leaves) internal view returns (BatchHeader memory header) {
        header = nextHeader();
        header.withdrawalsRoot = treeRoot(header.batchNumber, leaves);
        header.withdrawalCount += uint64(leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            header.withdrawalTotal_e6 += leaves[i].amount_e6;
        }
        header.liabilities_e6 -= header.withdrawalTotal_e6;
    }

    function recordOf(BatchHeader memory header, uint64 withdrawalFirst) internal view returns (BatchRecord memory) {
        return BatchRecord({
            withdrawalsRoot: header.withdrawalsRoot,
            receiptsRoot: header.receiptsRoot,
            seqFirst: header.seqFirst,
            seqLast: header.seqLast,
            executedAt: uint64(block.timestamp),
            stateHash: header.newStateHash,
            withdrawalFirst: withdrawalFirst
        });
    }

    // The tree is built here layer by layer, independently of the library that only follows paths.

    function treeRoot(uint64 batch, Withdrawal[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        bytes32[] memory layer = treeLeaves(batch, leaves);
        while (layer.length > 1) {
            layer = foldLayer(layer);
        }
        return layer[0];
    }

    function treePath(uint64 batch, Withdrawal[] memory leaves, uint256 position)
        internal
        pure
        returns (bytes32[] memory path)
    {
        bytes32[] memory layer = treeLeaves(batch, leaves);
        uint256 depth = 0;
        while (1 << depth < layer.length) {
            ++depth;
        }
        path = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            path[i] = layer[position ^ 1];
            layer = foldLayer(layer);
            position /= 2;
        }
    }

    function treeLeaves(uint64 batch, Withdrawal[] memory leaves) internal pure returns (bytes32[] memory layer) {
        uint256 width = 1;
        while (width < leaves.length) {
            width *= 2;
        }
        layer = new bytes32[](width);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Withdrawal memory leaf = leaves[i];
            layer[i] = keccak256(
                bytes.concat(
                    hex"00",
                    bytes8(batch),
                    bytes8(leaf.index),
                    bytes20(leaf.recipient),
                    bytes16(leaf.amount_e6),
                    leaf.salt
                )
            );
        }
    }

    function foldLayer(bytes32[] memory layer) internal pure returns (bytes32[] memory above) {
        above = new bytes32[](layer.length / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = keccak256(bytes.concat(hex"01", layer[2 * i], layer[2 * i + 1]));
        }
    }
}
