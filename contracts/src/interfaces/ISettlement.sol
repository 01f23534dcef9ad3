// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What one batch claims. With the chain id and the contract's address these are the public inputs of its proof; see
/// `PublicInputs`. Fields of later stages (receiptsRoot, oracleSetHash, configHash, daDigest, oracleTimeMinMs, ages,
/// counts, flags) are bound by the proof and not looked at yet.
struct BatchHeader {
    uint64 batchNumber;
    uint64 timeMs; // engine time at the close of the batch
    bytes32 prevStateHash;
    bytes32 newStateHash;
    uint64 seqFirst; // command sequence numbers, both included
    uint64 seqLast;
    bytes32 receiptHead;
    bytes32 receiptsRoot;
    uint64 priorityCount; // L1 requests processed since genesis
    bytes32 priorityHash; // prefix hash of exactly these requests
    bytes32 withdrawalsRoot; // of this batch; zero without withdrawals
    uint64 withdrawalCount; // since genesis
    uint128 withdrawalTotal_e6; // of this batch
    uint128 liabilities_e6; // sum of positive equities, without accounts 0 and 1
    uint128 insurance_e6;
    uint128 fees_e6;
    uint128 shortfall_e6; // sum of negative equities
    bytes32 oracleSetHash;
    bytes32 configHash;
    bytes32 daDigest;
    uint64 oracleTimeMinMs;
    uint32 accountsChecked;
    uint32 liquidationAgeMaxMs;
    uint32 sweepAgeMs;
    uint32 voidCount;
    uint32 recordCount;
    uint8 flags;
}

/// What the contract remembers of an executed batch, as a hash.
struct BatchRecord {
    bytes32 withdrawalsRoot;
    bytes32 receiptsRoot;
    uint64 seqFirst;
    uint64 seqLast;
    uint64 executedAt; // block time, seconds
    bytes32 stateHash;
    uint64 withdrawalFirst; // index of the batch's first withdrawal
}

/// One leaf of a batch's withdrawal tree.
struct Withdrawal {
    uint64 index; // since genesis, over all batches
    address recipient;
    uint128 amount_e6;
    bytes32 salt;
}

/// Accounting and state of the exchange on the chain. Errors give the expected value first, then the one provided.
interface ISettlement {
    /// Adds a deposit for `owner` to the priority queue and pulls `amount_e6` of the token from the caller.
    /// `subAccount` is 0 until sub-accounts are funded directly.
    function deposit(address owner, uint16 subAccount, uint128 amount_e6) external returns (uint64 requestId);

    /// Adds a contribution to the insurance fund to the priority queue and pulls `amount_e6` of the token from the caller.
    function fundInsurance(uint128 amount_e6) external returns (uint64 requestId);

    /// Executes the next batch: the proof must show that it leads from the current state to `header.newStateHash`.
    function submitBatch(BatchHeader calldata header, bytes32 programId, bytes calldata proof) external;

    /// Pays one withdrawal of an executed batch to its recipient. Anyone may call.
    function claimWithdrawal(
        uint64 batch,
        BatchRecord calldata record,
        Withdrawal calldata leaf,
        bytes32[] calldata path
    ) external;

    event RequestAdded(
        uint64 indexed requestId,
        uint8 indexed kind,
        address indexed owner,
        address sender,
        uint64 timestamp,
        bytes body,
        bytes32 prefixHash
    );
    event BatchExecuted(
        uint64 indexed batch, BatchHeader header, bytes32 programId, uint64 executedAt, uint64 withdrawalFirst
    );
    event WithdrawalClaimed(uint64 indexed index, address indexed recipient, uint128 amount_e6);

    error Unauthorized(address caller);
    error BatchNumberMismatch(uint64 expected, uint64 provided);
    error StateHashMismatch(bytes32 expected, bytes32 provided);
    error TimeOutOfRange(uint64 min, uint64 max, uint64 provided);
    error SequenceGap(uint64 expected, uint64 provided);
    error PriorityOutOfRange(uint64 min, uint64 max, uint64 provided);
    error PriorityHashMismatch(bytes32 expected, bytes32 provided);
    error WithdrawalCountBelow(uint64 min, uint64 provided);
    error ProgramInactive(bytes32 programId);
    error ProofInvalid();
    error Insolvent(uint256 assets, uint256 claims);
    error OwnerZero();
    error SubAccountUnsupported(uint16 provided);
    error AmountZero();
    error AmountTooSmall(uint256 min, uint256 provided);
    error AmountTooLarge(uint256 max, uint256 provided);
    error AccountsExhausted(uint32 max);
    error TransferInexact(uint256 expected, uint256 provided);
    error RingFull(uint64 size);
    error RecordMismatch(uint64 batch);
    error AlreadyClaimed(uint64 index);
    error PathInvalid();
    error Reentered();
    error ContractMissing(address provided);
    error TokenDecimals(uint8 expected, uint8 provided);
    error RequestMalformed(uint8 kind, uint256 index);
}
