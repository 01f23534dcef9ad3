// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofVerifier} from "./interfaces/IProofVerifier.sol";
import {BatchHeader, BatchRecord, ISettlement, Withdrawal} from "./interfaces/ISettlement.sol";
import {PriorityQueue} from "./libraries/PriorityQueue.sol";
import {PublicInputs} from "./libraries/PublicInputs.sol";
import {WithdrawalTree} from "./libraries/WithdrawalTree.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// Holds the collateral of the exchange and its state root. Only a proven batch moves the root; only a proven
/// withdrawal moves money out. There is no owner, no proxy, and no key that can write a root or a balance: the operator
/// may submit proofs, nothing else.
contract Settlement is ISettlement {
    using PriorityQueue for PriorityQueue.Queue;
    using SafeERC20 for IERC20Metadata;

    struct Config {
        IERC20Metadata token;
        IProofVerifier verifier;
        bytes32 programId; // digest of the verifying key of the batch guest
        bytes32 genesisStateHash;
        address operator;
        uint128 depositMin_e6;
    }

    /// The last executed batch.
    struct Progress {
        uint64 batchNumber;
        uint64 lastSeq;
        uint64 lastTimeMs;
        uint64 withdrawalCount;
        bytes32 stateHash;
    }

    uint8 internal constant KIND_DEPOSIT = 20;
    uint8 internal constant KIND_CREATE_MARKET = 50;
    uint8 internal constant KIND_SET_ORACLE_SIGNERS = 53;
    uint8 internal constant KIND_FUND_INSURANCE = 55;

    uint256 internal constant CREATE_MARKET_BYTES = 8 + 256;
    uint256 internal constant ORACLE_SIGNERS_MAX = 16;
    uint64 internal constant TIME_LEAD_MS = 30_000; // a batch may close this much after the block's time
    uint64 internal constant TIME_LAG_MS = 7 days * 1000; // long, so that a long outage is not final
    uint128 internal constant AMOUNT_MAX_E6 = 2 ** 56; // the engine's bound of one money command
    uint32 internal constant ACCOUNT_FIRST = 2; // 0 insurance fund, 1 fee collector
    uint32 internal constant ACCOUNT_END = 2 ** 23; // sub-accounts start here

    IERC20Metadata public immutable token;
    IProofVerifier public immutable verifier;
    bytes32 public immutable programId;
    address public immutable operator;
    uint128 public immutable depositMin_e6;
    uint256 public immutable firstBlock; // where a reader of the events starts

    Progress internal _progress;
    PriorityQueue.Queue internal _queue;
    /// Tokens that came in by requests, less claims. Tokens sent without a request do not count.
    uint128 public assets_e6;
    /// Withdrawals of executed batches that nobody claimed yet.
    uint128 public unclaimed_e6;
    uint32 public accountCount = ACCOUNT_FIRST;
    mapping(address owner => uint32) public accountOf; // 0: none yet
    mapping(uint64 batch => bytes32) public recordHash;
    mapping(uint256 word => uint256 bits) internal _claimed;
    bool private transient _entered;

    modifier guarded() {
        if (_entered) revert Reentered();
        _entered = true;
        _;
        _entered = false;
    }

    /// Queues the oracle signers and the markets as first requests, so that no key is needed to create them.
    /// `oracleSigners` and `markets` are command bodies of the engine after `l1_index`.
    constructor(Config memory config, bytes memory oracleSigners, bytes[] memory markets) {
        if (address(config.token).code.length == 0) revert ContractMissing(address(config.token));
        if (address(config.verifier).code.length == 0) revert ContractMissing(address(config.verifier));
        if (config.operator == address(0)) revert Unauthorized(address(0));
        uint8 decimals = config.token.decimals();
        if (decimals != 6) revert TokenDecimals(6, decimals);
        token = config.token;
        verifier = config.verifier;
        programId = config.programId;
        operator = config.operator;
        depositMin_e6 = config.depositMin_e6;
        firstBlock = block.number;
        _progress.stateHash = config.genesisStateHash;
        _enqueueSetup(oracleSigners, markets);
    }

    // --- money in ---

    /// @inheritdoc ISettlement
    function deposit(address owner, uint16 subAccount, uint128 amount_e6) external guarded returns (uint64 requestId) {
        if (owner == address(0)) revert OwnerZero();
        if (subAccount != 0) revert SubAccountUnsupported(subAccount);
        _pull(amount_e6);
        uint32 account = _assignAccount(owner);
        bytes memory body = abi.encodePacked(owner, account, subAccount, amount_e6);
        return _enqueue(msg.sender, KIND_DEPOSIT, owner, body, amount_e6);
    }

    /// @inheritdoc ISettlement
    function fundInsurance(uint128 amount_e6) external guarded returns (uint64 requestId) {
        _pull(amount_e6);
        return _enqueue(msg.sender, KIND_FUND_INSURANCE, address(0), abi.encodePacked(amount_e6), amount_e6);
    }

    // --- batches ---

    /// @inheritdoc ISettlement
    function submitBatch(BatchHeader calldata header, bytes32 programId_, bytes calldata proof) external guarded {
        if (msg.sender != operator) revert Unauthorized(msg.sender);
        Progress memory last = _progress;
        _checkSuccession(last, header);
        _queue.pop(header.priorityCount, header.priorityHash);
        if (programId_ != programId) revert ProgramInactive(programId_);
        bytes32 publicInputsHash = PublicInputs.hash(header, uint64(block.chainid), address(this));
        if (!verifier.verify(programId_, publicInputsHash, proof)) revert ProofInvalid();

        unclaimed_e6 += header.withdrawalTotal_e6;
        _checkSolvency(header);
        _progress =
            Progress(header.batchNumber, header.seqLast, header.timeMs, header.withdrawalCount, header.newStateHash);
        uint64 executedAt = uint64(block.timestamp);
        recordHash[header.batchNumber] = _hashRecord(
            BatchRecord(
                header.withdrawalsRoot,
                header.receiptsRoot,
                header.seqFirst,
                header.seqLast,
                executedAt,
                header.newStateHash,
                last.withdrawalCount
            )
        );
        emit BatchExecuted(header.batchNumber, header, programId_, executedAt, last.withdrawalCount);
    }

    // --- money out ---

    /// @inheritdoc ISettlement
    function claimWithdrawal(
        uint64 batch,
        BatchRecord calldata record,
        Withdrawal calldata leaf,
        bytes32[] calldata path
    ) external guarded {
        // an unknown batch has the record hash zero, which no record has
        if (_hashRecord(record) != recordHash[batch]) revert RecordMismatch(batch);
        if (leaf.index < record.withdrawalFirst) revert PathInvalid();
        uint256 position = leaf.index - record.withdrawalFirst;
        bytes32 digest = WithdrawalTree.leafHash(batch, leaf);
        if (!WithdrawalTree.contains(record.withdrawalsRoot, digest, position, path)) revert PathInvalid();
        _markClaimed(leaf.index);
        unclaimed_e6 -= leaf.amount_e6;
        assets_e6 -= leaf.amount_e6;
        emit WithdrawalClaimed(leaf.index, leaf.recipient, leaf.amount_e6);
        _push(leaf.recipient, leaf.amount_e6);
    }

    // --- reading ---

    /// The last executed batch and the state after it.
    function progress() external view returns (Progress memory) {
        return _progress;
    }

    /// Requests processed, requests added, and the prefix hash of all that were added.
    function queue() external view returns (uint64 head, uint64 tail, bytes32 prefixHash) {
        return (_queue.head, _queue.tail, _queue.prefixAt(_queue.tail));
    }

    /// Prefix hash of the first `count` requests, head <= count <= tail.
    function prefixAt(uint64 count) external view returns (bytes32) {
        if (count < _queue.head || count > _queue.tail) {
            revert PriorityOutOfRange(_queue.head, _queue.tail, count);
        }
        return _queue.prefixAt(count);
    }

    /// Money of requests that no batch processed yet.
    function pendingDeposits_e6() external view returns (uint128) {
        return _queue.moneyPending();
    }

    function isClaimed(uint64 index) external view returns (bool) {
        return _claimed[index / 256] >> (index % 256) & 1 == 1;
    }

    // --- steps ---

    /// The batch continues where the last one ended. Without the time bounds an operator could date a batch into a
    /// future in which orders are expired and funding is due.
    function _checkSuccession(Progress memory last, BatchHeader calldata header) internal view {
        if (header.batchNumber != last.batchNumber + 1) {
            revert BatchNumberMismatch(last.batchNumber + 1, header.batchNumber);
        }
        if (header.prevStateHash != last.stateHash) revert StateHashMismatch(last.stateHash, header.prevStateHash);
        uint64 nowMs = uint64(block.timestamp) * 1000;
        uint64 timeMin = nowMs > TIME_LAG_MS ? nowMs - TIME_LAG_MS : 0;
        if (timeMin <= last.lastTimeMs) timeMin = last.lastTimeMs + 1;
        if (header.timeMs < timeMin || header.timeMs > nowMs + TIME_LEAD_MS) {
            revert TimeOutOfRange(timeMin, nowMs + TIME_LEAD_MS, header.timeMs);
        }
        if (header.seqFirst != last.lastSeq + 1) revert SequenceGap(last.lastSeq + 1, header.seqFirst);
        if (header.seqLast < last.lastSeq) revert SequenceGap(last.lastSeq, header.seqLast);
        if (header.withdrawalCount < last.withdrawalCount) {
            revert WithdrawalCountBelow(last.withdrawalCount, header.withdrawalCount);
        }
    }

    /// Everything owed is covered. It holds for every true batch, so it fails only for a false proof.
    function _checkSolvency(BatchHeader calldata header) internal view {
        uint256 owed = uint256(header.liabilities_e6) + header.insurance_e6 + header.fees_e6 + unclaimed_e6
            + _queue.moneyPending();
        uint256 claims = owed > header.shortfall_e6 ? owed - header.shortfall_e6 : 0;
        if (claims > assets_e6) revert Insolvent(assets_e6, claims);
    }

    function _markClaimed(uint64 index) internal {
        uint256 bit = 1 << (index % 256);
        if (_claimed[index / 256] & bit != 0) revert AlreadyClaimed(index);
        _claimed[index / 256] |= bit;
    }

    /// Accounts are numbered in the order of their owners' first deposits.
    function _assignAccount(address owner) internal returns (uint32 account) {
        account = accountOf[owner];
        if (account == 0) {
            account = accountCount;
            if (account >= ACCOUNT_END) revert AccountsExhausted(ACCOUNT_END);
            accountCount = account + 1;
            accountOf[owner] = account;
        }
    }

    /// Tokens from the caller; whatever does not arrive whole (fee on transfer, rebasing) is refused.
    function _pull(uint128 amount_e6) internal {
        if (amount_e6 == 0) revert AmountZero();
        if (amount_e6 < depositMin_e6) revert AmountTooSmall(depositMin_e6, amount_e6);
        if (amount_e6 > AMOUNT_MAX_E6) revert AmountTooLarge(AMOUNT_MAX_E6, amount_e6);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount_e6);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount_e6) revert TransferInexact(amount_e6, received);
        assets_e6 += amount_e6;
    }

    function _push(address recipient, uint128 amount_e6) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(recipient, amount_e6);
        uint256 sent = before - token.balanceOf(address(this));
        if (sent != amount_e6) revert TransferInexact(amount_e6, sent);
    }

    function _enqueue(address sender, uint8 kind, address owner, bytes memory body, uint128 money_e6)
        internal
        returns (uint64 requestId)
    {
        bytes32 prefixHash;
        (requestId, prefixHash) = _queue.push(kind, sender, body, money_e6);
        emit RequestAdded(requestId, kind, owner, sender, uint64(block.timestamp), body, prefixHash);
    }

    /// The bodies are the engine's own bytes (little-endian) and are checked for shape only: the engine refuses what
    /// its rules do not allow, but a request of the wrong length could not even be parsed.
    function _enqueueSetup(bytes memory oracleSigners, bytes[] memory markets) internal {
        if (
            oracleSigners.length < 8 || uint8(oracleSigners[1]) > ORACLE_SIGNERS_MAX
                || oracleSigners.length != 8 + 24 * uint256(uint8(oracleSigners[1]))
        ) revert RequestMalformed(KIND_SET_ORACLE_SIGNERS, 0);
        _enqueue(address(this), KIND_SET_ORACLE_SIGNERS, address(0), oracleSigners, 0);
        for (uint256 i = 0; i < markets.length; ++i) {
            bytes memory body = markets[i];
            if (body.length != CREATE_MARKET_BYTES || uint8(body[0]) != i || body[1] != 0) {
                revert RequestMalformed(KIND_CREATE_MARKET, i);
            }
            _enqueue(address(this), KIND_CREATE_MARKET, address(0), body, 0);
        }
    }

    function _hashRecord(BatchRecord memory record) internal pure returns (bytes32) {
        return keccak256(abi.encode(record));
    }
}
