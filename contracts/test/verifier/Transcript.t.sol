// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrindingTooWeak} from "../../src/verifier/Errors.sol";
import {R2, canonical, mul} from "../../src/verifier/Extension.sol";
import {leafDigest, multiproofRoot} from "../../src/verifier/Merkle.sol";
import {
    Transcript,
    challenge,
    checkGrinding,
    observe,
    observeDigest,
    observeWords,
    sampleBits
} from "../../src/verifier/Transcript.sol";
import {Base} from "../Base.sol";

/// Golden vectors of the proof system, section 4.
contract TranscriptTest is Base {
    function checkPlain(uint256 challengeM, uint256[5] memory expected) internal pure {
        uint256 word;
        for (uint256 i = 0; i < 5; i++) {
            word |= expected[i] << (51 * i);
        }
        checkEq(canonical(mul(challengeM, 1)), word, "challenge");
    }

    function observed() internal pure returns (Transcript memory t) {
        uint256[] memory values = new uint256[](8);
        for (uint256 i = 0; i < 8; i++) {
            values[i] = i + 1;
        }
        observeWords(t, 1, values);
    }

    function offsetOf(bytes calldata data) internal pure returns (uint256 position) {
        assembly ("memory-safe") {
            position := data.offset
        }
    }

    function observeBytes(bytes calldata data) external pure returns (bytes32) {
        Transcript memory t;
        observe(t, 1, 8, offsetOf(data), data.length);
        return t.state;
    }

    function test_golden_challenges_and_bits() external pure {
        Transcript memory t = observed();
        checkPlain(challenge(t), [uint256(1_891_371_545), 776_878_949, 991_690_016, 784_023_987, 1_144_499_425]);
        checkEq(sampleBits(t, 10), 295, "first");
        checkEq(sampleBits(t, 10), 755, "second");
        checkEq(sampleBits(t, 10), 819, "third");
        observeDigest(t, 4, 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f);
        checkPlain(challenge(t), [uint256(242_018_488), 2_110_132_313, 1_877_455_408, 243_647_298, 1_949_871_465]);
    }

    function test_bytes_and_words_are_absorbed_alike() external view {
        bytes32 state = this.observeBytes(hex"0000000100000002000000030000000400000005000000060000000700000008");
        checkEq(state, observed().state, "state");
    }

    function test_a_challenge_drops_unread_chunks() external pure {
        Transcript memory t = observed();
        sampleBits(t, 10);
        challenge(t);
        checkEq(t.left, 0, "chunks");
        sampleBits(t, 10);
        checkEq(t.counter, 3, "squeezed words");
    }

    function grind(bytes calldata nonce, uint256 bits) external pure returns (uint256) {
        Transcript memory t = observed();
        checkGrinding(t, bits, offsetOf(nonce), 0);
        return sampleBits(t, 10);
    }

    function test_golden_grinding() external view {
        checkEq(this.grind(abi.encodePacked(uint64(69)), 8), 204, "bits after");
    }

    function test_smaller_nonces_do_not_grind() external {
        for (uint64 nonce = 0; nonce < 69; nonce++) {
            vm.expectRevert(abi.encodeWithSelector(GrindingTooWeak.selector, 0));
            this.grind(abi.encodePacked(nonce), 8);
        }
    }
}

/// The transcript of a whole golden proof, from the file that the Python verifier and the native kernels replay too
/// (tests/soundness/transcript_record.py describes it).
contract GoldenTranscriptTest is Base {
    uint256 internal constant OBSERVE = 0;
    uint256 internal constant DIGEST = 1;
    uint256 internal constant CHALLENGE = 2;
    uint256 internal constant BITS = 3;

    /// One entry of kind OBSERVE or NONCE, whose bytes are read from calldata.
    function absorb(Transcript memory t, bool isNonce, uint256 tag, bytes calldata data)
        external
        pure
        returns (Transcript memory)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        if (isNonce) checkGrinding(t, tag, position, 0);
        else observe(t, tag, data.length / 4, position, data.length);
        return t;
    }

    function packed(bytes memory data) internal pure returns (uint256 word) {
        for (uint256 i = 0; i < data.length / 4; i++) {
            uint256 value;
            assembly ("memory-safe") {
                value := shr(224, mload(add(add(data, 32), mul(4, i))))
            }
            word |= value << (51 * i);
        }
    }

    function test_golden_transcript_of_a_proof() external view {
        string memory golden = vm.readFile("../tests/vectors/transcript_K_v1.json");
        uint256[] memory kinds = vm.parseJsonUintArray(golden, ".kind");
        uint256[] memory tags = vm.parseJsonUintArray(golden, ".tag");
        bytes[] memory data = vm.parseJsonBytesArray(golden, ".data");
        check(kinds.length > 200 && kinds.length == tags.length && kinds.length == data.length, "lengths");
        Transcript memory t;
        for (uint256 i = 0; i < kinds.length; i++) {
            if (kinds[i] == DIGEST) {
                observeDigest(t, tags[i], bytes32(data[i]));
            } else if (kinds[i] == CHALLENGE) {
                checkEq(canonical(mul(challenge(t), 1)), packed(data[i]), vm.toString(i));
            } else if (kinds[i] == BITS) {
                checkEq(sampleBits(t, tags[i]), packed(data[i]), vm.toString(i));
            } else {
                t = this.absorb(t, kinds[i] != OBSERVE, tags[i], data[i]);
            }
        }
    }
}

/// Merkle trees of configuration K against a plain construction.
contract MerkleTest is Base {
    function leafOf(bytes calldata data) external pure returns (bytes32) {
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        return leafDigest(position, data.length);
    }

    function row(uint256 i) internal pure returns (bytes memory data) {
        for (uint32 j = 0; j < 10; j++) {
            data = abi.encodePacked(data, uint32(10 * i) + j);
        }
    }

    function rootOf(uint256[] calldata positions, bytes32[] calldata leaves, uint256 depth, bytes calldata proof)
        external
        pure
        returns (bytes32 root, uint256 used)
    {
        uint256[] memory nodes = new uint256[](2 * positions.length);
        for (uint256 i = 0; i < positions.length; i++) {
            nodes[2 * i] = positions[i];
            nodes[2 * i + 1] = uint256(leaves[i]);
        }
        uint256 memoryPosition;
        uint256 start;
        assembly ("memory-safe") {
            memoryPosition := add(nodes, 32)
            start := proof.offset
        }
        (root, used) = multiproofRoot(memoryPosition, positions.length, depth, start);
        used -= start;
    }

    function test_golden_leaf() external view {
        checkEq(this.leafOf(row(0)), 0xe08c55310fe982c4d63e499cafbd266e56b4d906126b518794e18b306105d1a0, "leaf");
        bytes memory pair = abi.encodePacked(this.leafOf(abi.encodePacked(uint32(1))), this.leafOf(hex"00000002"));
        (bytes32 root,) = this.rootOf(one(0), ones(bytes32(bytes.concat(pair))), 1, slice(pair));
        checkEq(root, 0x9f0965356c5236053138a8c9b348987f748f9cee16a990393c5467a976dc2b75, "node");
    }

    function one(uint256 value) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = value;
    }

    function ones(bytes32 value) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = value;
    }

    /// The second half of 64 bytes.
    function slice(bytes memory pair) internal pure returns (bytes memory) {
        bytes32 second;
        assembly ("memory-safe") {
            second := mload(add(pair, 64))
        }
        return abi.encodePacked(second);
    }

    /// Every subset of the leaves of a tree of depth 4 with its own sibling list.
    function test_fuzz_any_set_of_positions_gives_the_root(uint256 mask) external view {
        mask &= 0xffff;
        if (mask == 0) mask = 1;
        bytes32[][] memory layers = new bytes32[][](5);
        for (uint256 h = 0; h < 5; h++) {
            layers[h] = new bytes32[](16 >> h);
            for (uint256 i = 0; i < 16 >> h; i++) {
                layers[h][i] = h == 0
                    ? keccak256(abi.encode(mask, i))
                    : keccak256(abi.encodePacked(uint8(1), layers[h - 1][2 * i], layers[h - 1][2 * i + 1]));
            }
        }
        bytes memory proof;
        uint256 known = mask;
        uint256 count = 0;
        for (uint256 h = 0; h < 4; h++) {
            uint256 above = 0;
            for (uint256 i = 0; i < 16 >> h; i++) {
                if ((known >> i) & 1 == 0) continue;
                if (h == 0) count++;
                above |= 1 << (i / 2);
                if ((known >> (i ^ 1)) & 1 == 0) proof = abi.encodePacked(proof, layers[h][i ^ 1]);
            }
            known = above;
        }
        uint256[] memory positions = new uint256[](count);
        bytes32[] memory leaves = new bytes32[](count);
        uint256 filled = 0;
        for (uint256 i = 0; i < 16; i++) {
            if ((mask >> i) & 1 == 0) continue;
            positions[filled] = i;
            leaves[filled++] = layers[0][i];
        }
        (bytes32 root, uint256 used) = this.rootOf(positions, leaves, 4, proof);
        checkEq(root, layers[4][0], "root");
        checkEq(used, proof.length, "all consumed");
        leaves[mask % count] ^= bytes32(uint256(1));
        (root,) = this.rootOf(positions, leaves, 4, proof);
        check(root != layers[4][0], "a changed leaf changes the root");
    }
}
