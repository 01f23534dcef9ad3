// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";

/// First-in first-out queue of L1 requests, kept as prefix hashes: after i requests the chain knows one hash that fixes
/// all of them, and a batch says how far it came by naming a count and the hash there.
/// The entries live in a ring, because rewriting a slot is much cheaper than creating one.
library PriorityQueue {
    uint64 internal constant SIZE = 16_384;
    /// Requests without deadline may fill three quarters; the rest is for forced requests.
    uint64 internal constant OPEN_MAX = SIZE / 4 * 3;

    struct Entry {
        bytes32 prefixHash; // of all requests up to and including this one
        uint128 moneyTotal_e6; // brought by all requests up to and including this one
    }

    struct Queue {
        uint64 head; // requests processed
        uint64 tail; // requests ever added
        Entry[16_384] ring; // the entry of request i is at i modulo SIZE
    }

    /// Appends a request; `body` is what the guest reads, big-endian where the contract makes it.
    /// Returns the request's number and the prefix hash after it.
    function push(Queue storage queue, uint8 kind, address sender, bytes memory body, uint128 money_e6)
        internal
        returns (uint64 requestId, bytes32 prefixHash)
    {
        requestId = queue.tail;
        if (requestId - queue.head >= OPEN_MAX) revert ISettlement.RingFull(OPEN_MAX);
        prefixHash =
            keccak256(abi.encodePacked(prefixAt(queue, requestId), kind, sender, uint64(block.timestamp), body));
        uint128 moneyTotal_e6 = moneyAt(queue, requestId) + money_e6;
        queue.ring[requestId % SIZE] = Entry(prefixHash, moneyTotal_e6);
        queue.tail = requestId + 1;
    }

    /// Takes the requests below `count` off the queue, if `prefixHash` is what they hash to.
    function pop(Queue storage queue, uint64 count, bytes32 prefixHash) internal {
        (uint64 head, uint64 tail) = (queue.head, queue.tail);
        if (count < head || count > tail) revert ISettlement.PriorityOutOfRange(head, tail, count);
        bytes32 expected = prefixAt(queue, count);
        if (prefixHash != expected) revert ISettlement.PriorityHashMismatch(expected, prefixHash);
        queue.head = count;
    }

    /// Prefix hash of the first `count` requests; exact for head <= count <= tail.
    function prefixAt(Queue storage queue, uint64 count) internal view returns (bytes32) {
        return count == 0 ? bytes32(0) : queue.ring[(count - 1) % SIZE].prefixHash;
    }

    /// Money brought by the first `count` requests; exact for head <= count <= tail.
    function moneyAt(Queue storage queue, uint64 count) internal view returns (uint128) {
        return count == 0 ? 0 : queue.ring[(count - 1) % SIZE].moneyTotal_e6;
    }

    /// Money of the requests not yet processed.
    function moneyPending(Queue storage queue) internal view returns (uint128) {
        return moneyAt(queue, queue.tail) - moneyAt(queue, queue.head);
    }
}
